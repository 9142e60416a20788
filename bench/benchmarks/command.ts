import { randomBytes } from "node:crypto";
import { makeOwned, newAccount, type Owned } from "../fixture.ts";
import type { Argon2Parameters } from "../lib/argon2.ts";
import type { Bench, Benchmark, Measured } from "../lib/benchmark.ts";
import { type Called, type Caller, callForSeconds } from "../lib/calls.ts";
import { type RunningGatehouse, startOnPostgres } from "../lib/gatehouse-on-postgres.ts";
import { type Answer, expectAnswer, type HttpRequest } from "../lib/http.ts";
import { inTurn } from "../lib/in-turn.ts";
import { withClient } from "../lib/postgres.ts";
import { startReference } from "../lib/reference.ts";
import { median } from "../lib/statistics.ts";
import { storedArgon2Parameters } from "../lib/stored-hash.ts";

/** Several, because commands on one organization wait for each other. */
const organizations = 8;
const inFlight = 16;
/** The size of the product's pool. */
const poolSize = 10;
const iam = "/api/v1/iam";

interface Kind {
  caller(owned: readonly Owned[]): Caller;
  /** Counts the effects of the calls. */
  effects: string;
}

const rename: Kind = {
  caller: (owned) => ({
    call(index) {
      const { id, token } = owned[index % owned.length] as Owned;
      const name = `Bench ${id} ${index}`;
      return { request: json("PUT", `${iam}/organizations/${id}`, { name }, token), expect: right(200, { id, name }) };
    },
  }),
  effects: "select count(*) from events where type = 'organization.settings_updated.v1'",
};

const invite: Kind = {
  caller: (owned) => ({
    call(index) {
      const { id, token, roleId } = owned[index % owned.length] as Owned;
      const email = freshAddress(index);
      const request = json("POST", `${iam}/organizations/${id}/invitations`, { email, roleId }, token);
      return { request, expect: right(201, { email, status: "Pending" }) };
    },
  }),
  effects: "select count(*) from invitations",
};

const register: Kind = {
  caller: () => ({
    call(index) {
      const { password } = newAccount("newcomer");
      const email = freshAddress(index);
      const body = { email, password, firstName: "Bench", lastName: "User", locale: "en" };
      return { request: json("POST", `${iam}/auth/register`, body), expect: right(201, { email, status: "PendingConfirmation" }) };
    },
  }),
  effects: "select count(*) from users where status = 'PendingConfirmation'",
};

const benchmark = (name: string, what: string, requirement: string, kind: Kind): Benchmark => ({
  name,
  compares: `${what} against the same statements as one prepared transaction on the same tables behind a bare Fastify route, ${inFlight} in flight`,
  unit: "req/s",
  direction: "atLeast",
  requirement,
  run: (bench) => run(bench, kind),
});

export const commandRename = benchmark(
  "command-rename",
  "PUT organizations/:id",
  "organization actions p95 below 1 s, 50 organization changes/s",
  rename,
);
export const commandInvite = benchmark(
  "command-invite",
  "POST organizations/:id/invitations",
  "organization actions p95 below 1 s, 50 organization changes/s",
  invite,
);
export const commandRegister = benchmark(
  "command-register",
  "POST auth/register, argon2id on both sides,",
  "registration p95 below 1 s, 100 user changes/s",
  register,
);

async function run(bench: Bench, kind: Kind): Promise<Measured> {
  const gatehouse = await startOnPostgres(bench);
  const ours = measuredSide(bench, gatehouse.url, gatehouse.databaseUrl, kind.caller(await makeOwned(gatehouse.api, organizations)), kind);
  // The tables of a second installation, so that the product's worker does not process the reference's writes.
  const other = await startOnPostgres(bench);
  const owned = await makeOwned(other.api, organizations);
  await other.child.stop();
  const bare = await startReference(bench.scope, "commands.ts", {
    DATABASE_URL: other.databaseUrl,
    POOL_SIZE: String(poolSize),
    ARGON2: argon2Text(await parametersOf(other)),
  });
  const reference = measuredSide(bench, bare.url, other.databaseUrl, kind.caller(owned), kind);
  const measured = await inTurn(bench, "req/s", ours.once, reference.once);
  const notes = [ours.note("gatehouse"), reference.note(`bare transaction, pool of ${poolSize}`)];
  for (const note of notes) bench.say(note);
  const p95Ms = median(ours.called.slice(1).map(({ latencyMs }) => latencyMs.p95));
  return { ...measured, notes, p95Ms, raw: { ours: ours.called, reference: reference.called } };
}

function measuredSide(bench: Bench, url: string, databaseUrl: string, caller: Caller, { effects }: Kind) {
  const called: Called[] = [];
  let next = 0;
  return {
    called,
    async once(): Promise<number> {
      const before = await count(databaseUrl, effects);
      const from = next;
      const { next: afterwards, ...result } = await callForSeconds(url, caller, from, inFlight, bench.seconds);
      next = afterwards;
      const left = (await count(databaseUrl, effects)) - before;
      // Each acknowledged command must have exactly one effect.
      if (left !== afterwards - from)
        throw new Error(`${afterwards - from} commands were acknowledged at ${url} and ${left} have left something behind`);
      called.push(result);
      return result.perSecond;
    },
    note(name: string): string {
      // The first repetition is the warm-up.
      const of = (value: (one: Called) => number) => median(called.slice(1).map(value));
      const ms = (value: (one: Called) => number) => `${Number(of(value).toPrecision(3))} ms`;
      const cpu = of((one) => one.generatorCpu);
      const limit = cpu > 0.9 ? " (THE LOAD GENERATOR WAS THE LIMIT)" : "";
      const latency = `p50 ${ms((one) => one.latencyMs.p50)}, p95 ${ms((one) => one.latencyMs.p95)}, p99 ${ms((one) => one.latencyMs.p99)}`;
      return `${name}: ${latency} at ${inFlight} in flight; load generator ${cpu.toFixed(2)} cores${limit}`;
    },
  };
}

const count = (databaseUrl: string, text: string): Promise<number> =>
  withClient(databaseUrl, async (client) => Number((await client.query<{ count: string }>(text)).rows[0]?.count));

/** The reference hashes with the product's parameters. */
async function parametersOf({ databaseUrl }: RunningGatehouse): Promise<Argon2Parameters> {
  const stored = await storedArgon2Parameters(databaseUrl);
  if (stored === undefined) throw new Error("no stored hash was readable, so the reference cannot do the same work");
  return stored;
}

const argon2Text = ({ memoryKiB, passes, lanes }: Argon2Parameters): string => `${memoryKiB},${passes},${lanes}`;

const freshAddress = (index: number): string => `call-${index}-${randomBytes(6).toString("hex")}@bench.example`;

function json(method: "POST" | "PUT", path: string, body: object, token?: string): HttpRequest {
  const authorization: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return { method, path, headers: { ...authorization, "content-type": "application/json" }, body: JSON.stringify(body) };
}

const right = (status: number, fields: Record<string, unknown>) => (answer: Answer) => expectAnswer("command", answer, status, fields);
