import { hostname } from "node:os";
import {
  listCacheReports,
  listEntryKeys,
  renewSnapshot,
  repairProjection,
  startCacheCheck,
  verifyProjection,
} from "#modules/authorization/decisions/index.ts";
import type { Static } from "#operation/declaration/schema.ts";
import { readConfiguration } from "../configuration.ts";
import { type CallOperation, callOperations } from "./call-operation.ts";
import type { Command } from "./command.ts";

type Difference = Static<typeof verifyProjection.output>["differences"][number];

/** A process sees the request within 125 ms, and compares some hundred thousand entries in a few seconds. */
const reportTimeoutMs = 5_000;
const pollEveryMs = 250;

/** A difference is confirmed by further comparisons, because an event may not have reached the projection yet. */
const comparisons = 4;
const betweenComparisonsMs = 1_000;

export const projectionVerifyCommand: Command = {
  words: ["projection", "verify"],
  usage: "gatehouse projection verify",
  does:
    "Compare the projection of decisions with its source tables. List each entry that differs, is missing, is left over or cannot be computed.\n" +
    "Also compares the Redis snapshot (REDIS_URL), and requests a comparison of the caches of every running process. Caches drop what differs.\n" +
    "Changes no table; exits 1 where anything differs. Works with a running server.",
  run: () =>
    callOperations(readConfiguration(process.env), async (call) => {
      const found: Difference[] = [];
      const count = await eachPage(call, "compared", async (keys) => {
        for (const difference of await differencesOf(call, keys)) {
          found.push(difference);
          say(`${difference.how.padEnd(9)}  ${difference.where.padEnd(5)}  ${difference.key}`);
        }
      });
      say(`${count} entries, ${found.length === 0 ? "all equal to the tables" : `${found.length} not equal to the tables`}`);
      const differing = await countCacheDifferences(call);
      if (found.length + differing > 0) process.exitCode = 1;
    }),
};

export const projectionRebuildCommand: Command = {
  words: ["projection", "rebuild"],
  usage: "gatehouse projection rebuild",
  does:
    "Recompute every entry of the projection from the tables and start a new Redis snapshot.\n" +
    "Works with a running server, which continues to serve. Run it after a restore of the database.",
  run: () =>
    callOperations(readConfiguration(process.env), async (call) => {
      const count = await eachPage(call, "recomputed", async (keys) => void (await call(repairProjection, { keys: [...keys] })));
      await call(renewSnapshot, {});
      say(`${count} entries recomputed, new Redis snapshot started`);
    }),
};

/** Requests a comparison of the caches of every process, prints each report and returns how many cached entries differed. */
async function countCacheDifferences(call: CallOperation): Promise<number> {
  const { checkId } = await call(startCacheCheck, {});
  const reported = new Set<string>();
  let differing = 0;
  for (let quietMs = 0; quietMs < reportTimeoutMs; quietMs += pollEveryMs) {
    const { reports } = await call(listCacheReports, { checkId });
    for (const report of reports) {
      const name = `${report.host}, process ${report.pid}`;
      // Without a running server this command itself answers; it is not counted.
      if (reported.has(name) || (report.pid === process.pid && report.host === hostname())) continue;
      reported.add(name);
      quietMs = 0;
      differing += report.differing;
      for (const key of report.keys) say(`differs    cache  ${key} (${name})`);
      say(`${name}: ${report.entries} cached, ${report.differing === 0 ? "all equal to the database" : `${report.differing} were not`}`);
    }
    await new Promise((resolve) => setTimeout(resolve, pollEveryMs));
  }
  say(reported.size === 0 ? "No running process reported its caches." : `${reported.size} running processes reported their caches.`);
  return differing;
}

/** The most keys of one call. A page may have more, where a user is a member of thousands of organizations. */
const keysMax = 1_000;
/** Interval of progress lines: half a million entries take a minute. */
const progressEveryMs = 2_000;

/**
 * Calls `work` with the keys in batches, and returns their number. The projector handles keys that change meanwhile. Progress goes to
 * standard error.
 */
async function eachPage(call: CallOperation, what: string, work: (keys: readonly string[]) => Promise<void>): Promise<number> {
  let count = 0;
  let cursor: string | null = null;
  let printedAt = performance.now();
  do {
    const page: Static<typeof listEntryKeys.output> = await call(listEntryKeys, { cursor });
    for (let from = 0; from < page.keys.length; from += keysMax) {
      const keys = page.keys.slice(from, from + keysMax);
      await work(keys);
      count += keys.length;
      if (performance.now() - printedAt < progressEveryMs) continue;
      printedAt = performance.now();
      process.stderr.write(`${count} entries ${what} …\n`);
    }
    cursor = page.next;
  } while (cursor !== null);
  return count;
}

async function differencesOf(call: CallOperation, keys: readonly string[]): Promise<readonly Difference[]> {
  let suspects = keys;
  let differences: readonly Difference[] = [];
  for (let run = 0; run < comparisons && suspects.length > 0; run += 1) {
    if (run > 0) await new Promise((resolve) => setTimeout(resolve, betweenComparisonsMs));
    ({ differences } = await call(verifyProjection, { keys: [...suspects] }));
    suspects = [...new Set(differences.map(({ key }) => key))];
  }
  return differences;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
