import type { SizingResult, Step } from "../in-process/sizing.ts";
import type { ViewsResult } from "../in-process/views.ts";
import type { Bench } from "../lib/benchmark.ts";
import { startNode } from "../lib/child.ts";
import { UsageError } from "../lib/options.ts";
import { inProcessFile } from "../lib/paths.ts";
import { freshDatabase } from "../lib/postgres.ts";
import { connectRedis, freshRedis } from "../lib/redis.ts";
import { scratchFolder } from "../lib/scratch.ts";
import type { Figure, Survey } from "../lib/survey.ts";

const timeoutMs = 1_800_000;
/** Users with a cached view; a multiple of what the population needs. */
const viewUsers = 20_000;

export const sizing: Survey = {
  name: "sizing",
  measures: "growth of PostgreSQL for each kind of object, bytes in Redis and on the heap, and the throughput of one worker on a backlog",
  run,
};

/** Created users; a page of the database has some dozens, so fewer than a few hundred would measure pages. */
function people(): number {
  const text = process.env["BENCH_PEOPLE"] ?? "";
  const count = text === "" ? 2_000 : Number(text);
  if (Number.isInteger(count / 100) && count >= 200 && count <= 100_000) return count;
  throw new UsageError(`BENCH_PEOPLE got "${text}"; it takes a multiple of 100 from 200 to 100,000.`);
}

async function run(bench: Bench): Promise<Figure[]> {
  const redisUrl = await freshRedis(bench.scope);
  const result = await program<SizingResult>(bench, "sizing.ts", [
    await freshDatabase(bench.scope),
    redisUrl,
    await scratchFolder(bench.scope),
    String(people()),
  ]);
  const { points } = await program<ViewsResult>(bench, "views.ts", [
    await freshDatabase(bench.scope),
    await scratchFolder(bench.scope),
    String(viewUsers),
  ]);
  return [...databaseFigures(result), ...(await redisFigures(bench, redisUrl)), ...processFigures(result, points)];
}

async function program<Result>(bench: Bench, file: string, args: string[]): Promise<Result> {
  const child = startNode(bench.scope, {
    name: file,
    args: ["--expose-gc", inProcessFile(file), ...args],
    env: { NODE_ENV: "production" },
  });
  child.process.stdout?.on("data", (text: string) => {
    for (const line of text.split("\n")) if (line.startsWith("say ")) bench.say(line.slice(4));
  });
  const result = JSON.parse(await child.line("result", timeoutMs)) as Result;
  await child.stop();
  return result;
}

/** The purpose of a table: projection, event log, audit log or the job queue; other tables have the objects' own rows. */
const purposes = {
  projection: (table: string) => table.startsWith("projection_") || table === "access_tenants",
  events: (table: string) => table === "events",
  audit: (table: string) => table.startsWith("audit_"),
  jobs: (table: string) => table.startsWith("jobs."),
  // Does not exist with SMTP_URL.
  inbox: (table: string) => table === "development_mails",
};
type Purpose = keyof typeof purposes | "own";

const purposeOf = (table: string): Purpose =>
  (Object.keys(purposes) as (keyof typeof purposes)[]).find((purpose) => purposes[purpose](table)) ?? "own";

const grownBy = ({ grown }: Step, purpose: Purpose): number =>
  Object.entries(grown).reduce((sum, [table, { bytes }]) => (purposeOf(table) === purpose ? sum + bytes : sum), 0);

const singular: Record<string, string> = {
  users: "a user who registered and confirmed the address",
  sessions: "a session",
  organizations: "an organization with its owner",
  roles: "a role of an organization's own",
  memberships: "a membership by invitation",
  changes: "a change of a profile",
};

function databaseFigures({ bytes, steps }: SizingResult): Figure[] {
  const figures: Figure[] = [{ id: "empty", what: "the database after its first start", value: bytes.empty, unit: "B" }];
  for (const step of steps) {
    const what = singular[step.kind] ?? step.kind;
    const add = (purpose: string, grown: number, note?: string) =>
      figures.push({
        id: `${step.kind}.${purpose}`,
        what: `${what}: ${purpose}`,
        value: Math.round(grown / step.count),
        unit: "B",
        ...(note ? { note } : {}),
      });
    for (const purpose of ["own", "projection", "events", "audit"] as const) add(purpose, grownBy(step, purpose));
    const total = (["own", "projection", "events", "audit"] as const).reduce((sum, purpose) => sum + grownBy(step, purpose), 0);
    add("all", total, `of ${step.count.toLocaleString("en-US")}, without the queue's rows`);
    add("queue", grownBy(step, "jobs"), "removed by the queue in time");
  }
  const over = (tables: (table: string) => boolean, rows: string) => {
    const sum = (pick: (step: Step) => number) => steps.reduce((all, step) => all + pick(step), 0);
    const grown = sum(({ grown: of }) => Object.entries(of).reduce((all, [table, each]) => (tables(table) ? all + each.bytes : all), 0));
    return Math.round(grown / sum(({ grown: of }) => of[rows]?.rows ?? 0));
  };
  figures.push({ id: "event", what: "an event in the log", value: over(purposes.events, "events"), unit: "B", note: "over all steps" });
  figures.push({
    id: "audit-record",
    what: "an audit record, personal data and entry included",
    value: over(purposes.audit, "audit_records"),
    unit: "B",
    note: "over all steps",
  });
  return figures;
}

const kinds: readonly [id: string, what: string, pattern: RegExp][] = [
  ["user", "a user's status", /^iam:user:/],
  ["membership", "a membership", /^iam:membership:/],
  ["organization", "an organization's status and plan", /^iam:org:/],
  ["role", "a role and its permissions", /^iam:role:/],
  ["policy", "the permission tree and the model", /^iam:policy$/],
];

/** Redis' own count: key, value, expiry and overhead. */
async function redisFigures(bench: Bench, url: string): Promise<Figure[]> {
  const client = connectRedis(bench.scope, url);
  const sums = new Map<string, { bytes: number; keys: number }>();
  let cursor = "0";
  do {
    const [next, keys] = await client.scan(cursor, "COUNT", 1_000);
    cursor = next;
    for (const key of keys) {
      const kind = kinds.find(([, , pattern]) => pattern.test(key));
      if (kind === undefined) continue;
      const sum = sums.get(kind[0]) ?? { bytes: 0, keys: 0 };
      sum.bytes += await client.call("MEMORY", "USAGE", key, "SAMPLES", 0);
      sum.keys += 1;
      sums.set(kind[0], sum);
    }
  } while (cursor !== "0");
  return kinds.flatMap(([id, what]) => {
    const sum = sums.get(id);
    if (sum === undefined) throw new Error(`Redis has no key of ${what}`);
    return [
      { id: `redis.${id}`, what: `Redis: ${what}`, value: Math.round(sum.bytes / sum.keys), unit: "B a key", note: `of ${sum.keys} keys` },
    ];
  });
}

function processFigures({ sessionHeapBytes, backlog }: SizingResult, points: ViewsResult["points"]): Figure[] {
  const [few, many] = points as [ViewsResult["points"][number], ViewsResult["points"][number]];
  if (sessionHeapBytes <= 0) throw new Error("too few people to measure their sessions on the heap: set BENCH_PEOPLE to a larger number");
  const view = (many.heapBytes - few.heapBytes) / (many.views - few.views);
  return [
    {
      id: "heap.view",
      what: "heap: a user's view with its entries",
      value: Math.round(view),
      unit: "B",
      note: `between ${few.views} and ${many.views} views`,
    },
    { id: "heap.session", what: "heap: a cached session", value: Math.round(sessionHeapBytes), unit: "B" },
    {
      id: "backlog",
      what: "events that one worker handles and appends, from a backlog",
      value: backlog.records / backlog.seconds,
      unit: "events/s",
      note: `${backlog.events} events and ${backlog.records} audit records in ${backlog.seconds.toFixed(1)} s; the worker's start included`,
    },
  ];
}
