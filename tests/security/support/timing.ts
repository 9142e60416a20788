/**
 * Attack 28 of docs/security/attacks.md, the part that a suite cannot show: requests about an address with an account take as long as about
 * one without. Run by hand on an idle machine:
 *
 *     node tests/security/support/timing.ts [pairs] [part of a name]
 *
 * Known and unknown addresses alternate, in random order within each pair. Background work of a request is done before the next is
 * sent. Prints the medians, and exits with 1 if they differ by more than 5 %. Uses the PostgreSQL of TEST_DATABASE_URL, else the local one.
 */
import { randomBytes } from "node:crypto";
import { makeDatabase } from "@gatehouse/testing/postgres.ts";
import { sql } from "kysely";
import { pino } from "pino";
import { operator } from "../../../packages/server/src/operation/declaration/principal.ts";
import { backgroundOrigin } from "../../../packages/server/src/operation/kernel/scheduled.ts";
import { assemble } from "../../../packages/server/src/runtime/application.ts";
import { readConfiguration } from "../../../packages/server/src/runtime/configuration.ts";
import { gatewayServer } from "../../../packages/server/src/runtime/server.ts";

const pairs = Number(process.argv[2] ?? 300);
const only = process.argv[3] ?? "";
const warmUps = 30;
const apartMax = 0.05;
const password = "a quiet green harbour";

const database = await makeDatabase();
const configuration = readConfiguration({
  GATEHOUSE_DATA_DIR: "memory",
  DATABASE_URL: database.url,
  GATEHOUSE_MASTER_KEY: randomBytes(32).toString("base64"),
  GATEHOUSE_SIGN_IN_LIMIT: "off",
});
const application = await assemble(configuration, { logger: pino({ level: "silent" }) });
await application.startWorker();
const http = gatewayServer(application, configuration, { stage: "running" });
await http.ready();

let count = 0;
const address = (): string => {
  count += 1;
  // Of equal length, so that the length has no effect.
  return `person-${String(count).padStart(6, "0")}-${randomBytes(4).toString("hex")}@example.com`;
};

const dispatch = async (operation: string, input: Record<string, unknown>) =>
  (await application.dispatch({ operation, input, principal: operator, origin: backgroundOrigin() })).output as { readonly id: string };

async function call(method: "GET" | "POST", url: string, payload: object | undefined, token?: string) {
  const headers = { "content-type": "application/json", ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) };
  return http.inject({ method, url, headers, ...(payload === undefined ? {} : { payload: JSON.stringify(payload) }) });
}

/** Resolves when the events, jobs and mails of all requests are done. */
async function quiet(): Promise<void> {
  for (;;) {
    await application.settled();
    const { rows } = await sql<{ open: boolean }>`select exists (select from jobs.job j where j.state < 'completed'
      and j.name not like '\\_\\_%' and j.name not in (select name from jobs.schedule)) as open`.execute(
      application.platform.database.owner,
    );
    if (!rows[0]?.open) return;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

async function known(): Promise<string> {
  const email = address();
  await dispatch("authentication.createUser", { email, password, firstName: "A", lastName: "B" });
  return email;
}

interface Question {
  readonly name: string;
  /** A new address with an account. */
  known(): Promise<string>;
  ask(email: string): Promise<unknown>;
}

const owner = await known();
const signedIn = (await call("POST", "/api/v1/iam/auth/login", { email: owner, password })).json() as { readonly sessionToken: string };
const token = signedIn.sessionToken;
const organization = (await call("POST", "/api/v1/iam/organizations", { name: "Timing", slug: "timing", country: "VN" }, token)).json() as {
  id: string;
};
const roles = (await call("GET", `/api/v1/iam/roles?organizationId=${organization.id}`, undefined, token)).json() as {
  items: { id: string }[];
};

const pool: string[] = [];
for (let index = 0; index < 40; index += 1) pool.push(await known());
const fromPool = async (): Promise<string> => pool[Math.floor(Math.random() * pool.length)] as string;
const registration = (email: string) => ({ email, password: "a non-member's guess", firstName: "A", lastName: "B", locale: "en" });

const questions: readonly Question[] = [
  {
    name: "login, wrong password",
    known: fromPool,
    ask: (email) => call("POST", "/api/v1/iam/auth/login", { email, password: "a non-member's guess" }),
  },
  { name: "forgot-password", known: fromPool, ask: (email) => call("POST", "/api/v1/iam/auth/forgot-password", { email }) },
  { name: "register, active account", known: fromPool, ask: (email) => call("POST", "/api/v1/iam/auth/register", registration(email)) },
  {
    name: "register, unconfirmed account",
    async known() {
      const email = address();
      await call("POST", "/api/v1/iam/auth/register", registration(email));
      return email;
    },
    ask: (email) => call("POST", "/api/v1/iam/auth/register", registration(email)),
  },
  {
    name: "invitation",
    known,
    ask: (email) => call("POST", `/api/v1/iam/organizations/${organization.id}/invitations`, { email, roleId: roles.items[0]?.id }, token),
  },
];

const median = (values: readonly number[]): number =>
  [...values].sort((one, other) => one - other)[Math.floor(values.length / 2)] as number;

async function timed(question: Question, email: string): Promise<number> {
  await quiet();
  const began = performance.now();
  await question.ask(email);
  return performance.now() - began;
}

let apart = false;
console.log(`${pairs} pairs each, medians in milliseconds`);
for (const question of questions.filter(({ name }) => name.includes(only))) {
  const times = { known: [] as number[], unknown: [] as number[] };
  for (let pair = -warmUps; pair < pairs; pair += 1) {
    const probes = [
      { kind: "known", email: await question.known() },
      { kind: "unknown", email: address() },
    ] as const;
    for (const { kind, email } of Math.random() < 0.5 ? probes : [...probes].reverse()) {
      const took = await timed(question, email);
      if (pair >= 0) times[kind].push(took);
    }
  }
  const [one, other] = [median(times.known), median(times.unknown)];
  const difference = Math.abs(one - other) / Math.min(one, other);
  const tooFar = difference > apartMax;
  apart ||= tooFar;
  console.log(
    `${question.name.padEnd(32)} known ${one.toFixed(2).padStart(8)}   unknown ${other.toFixed(2).padStart(8)}   ${(difference * 100).toFixed(1).padStart(5)} %${tooFar ? "   too far apart" : ""}`,
  );
}
await http.close();
await application.stop();
await database.drop();
process.exit(apart ? 1 : 0);
