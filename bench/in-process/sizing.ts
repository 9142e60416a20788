/**
 * node --expose-gc in-process/sizing.ts DATABASE_URL REDIS_URL DATA_FOLDER USERS
 *
 * The process of the sizing survey: creates users, sessions, organizations and memberships with the product's own commands, and measures
 * the growth of the database after each kind. Prints `result <json>`; lines that start with `say` are progress.
 */
import { randomBytes, randomUUID } from "node:crypto";
import { createRequire } from "node:module";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import pg from "pg";
import { rootFolder } from "../lib/paths.ts";

/** Bytes and rows of a table, indexes and TOAST included. */
type Tables = Record<string, { bytes: number; rows: number }>;

export interface Step {
  readonly kind: string;
  readonly count: number;
  /** The growth of each table. */
  readonly grown: Tables;
}

export interface SizingResult {
  /** The database after its first start, and at the end. */
  readonly bytes: { empty: number; full: number };
  readonly steps: readonly Step[];
  /** Heap of the process for each cached session. */
  readonly sessionHeapBytes: number;
  /** From the start of the worker until the backlog was handled and appended to the chains. */
  readonly backlog: { events: number; records: number; seconds: number };
}

const sourceFolder = join(rootFolder, "packages", "server", "src", "runtime");
const source = (file: string) => import(pathToFileURL(join(sourceFolder, file)).href);
const [databaseUrl = "", redisUrl = "", dataFolder = "", count = ""] = process.argv.slice(2);
const users = Number(count);
/** One of ten users creates an organization, and the others join one. */
const peoplePerOrganization = 10;
/** Updates, which grow only the events and the audit log. */
const changes = users;
const lanes = 8;
/** The development inbox stores two hundred mails; links are read before the next are sent. */
const mailsAtOnce = 100;
const password = `Bench-${randomBytes(12).toString("hex")}`;
const say = (line: string) => console.log(`say ${line}`);

const { readConfiguration } = await source("configuration.ts");
const { assemble } = await source("application.ts");
const { pino } = createRequire(join(sourceFolder, "application.ts"))("pino");
const application = await assemble(
  readConfiguration({
    PUBLIC_URL: "http://127.0.0.1:8080",
    DATABASE_URL: databaseUrl,
    REDIS_URL: redisUrl,
    GATEHOUSE_DATA_DIR: dataFolder,
    GATEHOUSE_MASTER_KEY: randomBytes(32).toString("base64"),
    GATEHOUSE_SIGN_IN_LIMIT: "off",
    GATEHOUSE_DECISION_STEPS: "1000000000",
    GATEHOUSE_QUOTA_ORGANIZATIONS: "1000000",
  }),
  { logger: pino({ level: "error", messageKey: "message" }, process.stderr) },
);
const database = new pg.Client({ connectionString: databaseUrl });
await database.connect();

type Principal = { readonly kind: string };
// biome-ignore lint/suspicious/noExplicitAny: the answers of many operations; a wrong one fails where its field is used
type Answered = any;

/** A call with the origin of a browser on the network. */
async function call(operation: string, principal: Principal, input: object): Promise<Answered> {
  const requestId = randomUUID();
  const origin = {
    ip: `203.0.113.${Math.floor(Math.random() * 256)}`,
    userAgent: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36",
    requestId,
    traceId: requestId.replaceAll("-", ""),
  };
  return (await application.dispatch({ operation, principal, input, origin })).output;
}

async function forEach<Item>(items: readonly Item[], work: (item: Item, index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let index = next++; index < items.length; index = next++) await work(items[index] as Item, index);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

const rowsOf = async (text: string): Promise<Record<string, string>[]> => (await database.query(text)).rows;
const numberOf = async (text: string): Promise<number> => Number(Object.values((await rowsOf(text))[0] ?? {})[0]);

/** Resolves when background work is done: consumers, audit chains, mails. */
async function settled(): Promise<void> {
  for (;;) {
    await application.settled();
    if ((await numberOf("select count(*) from jobs.job where state in ('created', 'retry', 'active')")) === 0) return;
    await sleep(50);
  }
}

async function tables(): Promise<Tables> {
  // Autovacuum does the same in time: it frees the space of old row versions.
  await database.query("vacuum analyze");
  const found: Tables = {};
  for (const { name = "", bytes } of await rowsOf(`
    select n.nspname || '.' || c.relname as name, pg_total_relation_size(c.oid) as bytes
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'm') and n.nspname in ('public', 'jobs')`)) {
    const [schema, table] = name.split(".");
    found[schema === "public" ? (table as string) : name] = {
      bytes: Number(bytes),
      rows: await numberOf(`select count(*) from ${schema}."${table}"`),
    };
  }
  return found;
}

const steps: Step[] = [];

async function step(kind: string, items: number, work: () => Promise<void>): Promise<void> {
  const before = await tables();
  const beganAt = performance.now();
  await work();
  await settled();
  const after = await tables();
  const grown = Object.fromEntries(
    Object.entries(after).map(([name, { bytes, rows }]) => [
      name,
      { bytes: bytes - (before[name]?.bytes ?? 0), rows: rows - (before[name]?.rows ?? 0) },
    ]),
  );
  steps.push({ kind, count: items, grown });
  say(`${items} ${kind} made in ${((performance.now() - beganAt) / 1_000).toFixed(1)} s`);
}

const anonymous = { kind: "anonymous" };
const operator = { kind: "operator" };
const address = (name: string, index: number) => `${name}-${index}-${randomBytes(4).toString("hex")}@bench.example`;

/** The token of a mail's link, by recipient. */
async function mailed(to: readonly string[]): Promise<Map<string, string>> {
  await settled();
  const wanted = new Set(to);
  const tokens = new Map<string, string>();
  for (const mail of await application.inbox.list()) {
    const recipient = String(mail.to);
    const token = new URL(mail.links[0] ?? "none:").searchParams.get("token");
    if (wanted.has(recipient) && token !== null && !tokens.has(recipient)) tokens.set(recipient, token);
  }
  if (tokens.size !== to.length) throw new Error(`${tokens.size} of ${to.length} mails came`);
  return tokens;
}

interface Person {
  readonly id: string;
  readonly email: string;
  principal: Principal;
  token: string;
}
const people: Person[] = [];

async function signIn(person: Person, organizationId?: string): Promise<void> {
  const input = { email: person.email, password, ...(organizationId === undefined ? {} : { organizationId }) };
  person.token = (await call("authentication.login", anonymous, input)).sessionToken;
  person.principal = await application.authenticate(person.token);
}

// A backlog for a worker that was not running, which shows its throughput.
const waiting = Math.max(200, Math.floor(users / 2));
const emptyBytes = await numberOf("select pg_database_size(current_database())");
await forEach(Array.from({ length: waiting }), async (_, index) => {
  await call("authentication.createUser", operator, { email: address("waiting", index), password, firstName: "Bench", lastName: "User" });
});
const backlogEvents = await numberOf("select count(*) from events");
const startedAt = performance.now();
await application.startWorker();
await application.settled();
const backlog = {
  events: backlogEvents,
  records: await numberOf("select count(*) from audit_records"),
  seconds: (performance.now() - startedAt) / 1_000,
};
await settled();

await step("users", users, async () => {
  for (let from = 0; from < users; from += mailsAtOnce) {
    const emails = Array.from({ length: Math.min(mailsAtOnce, users - from) }, (_, index) => address("person", from + index));
    await forEach(emails, async (email) => {
      await call("authentication.register", anonymous, { email, password, firstName: "Huong", lastName: "Nguyen", locale: "vi" });
    });
    const tokens = await mailed(emails);
    await forEach(emails, async (email) => {
      const { id } = await call("authentication.verifyEmail", anonymous, { token: tokens.get(email) });
      people.push({ id, email, principal: anonymous, token: "" });
    });
  }
});

await step("sessions", users, () => forEach(people, (person) => signIn(person)));

const founders = people.filter((_, index) => index % peoplePerOrganization === 0);
const organizations: string[] = [];
await step("organizations", founders.length, () =>
  forEach(founders, async ({ principal }, index) => {
    const name = `Beauty salon number ${index}`;
    const slug = `salon-${index}-${randomBytes(4).toString("hex")}`;
    organizations[index] = (await call("tenancy.createOrganization", principal, { name, slug, country: "VN" })).id;
  }),
);

// A custom role with a list of permissions, as in a typical organization.
const roles: string[] = [];
await forEach(founders, (founder, index) => signIn(founder, organizations[index]));
await step("roles", founders.length, () =>
  forEach(founders, async ({ principal }, index) => {
    const input = { name: "Receptionist", scope: "Organization", organizationId: organizations[index] };
    roles[index] = (await call("access.createRole", principal, input)).id;
    const permissions = ["Organization.Read", "Organization.ReadMembers", "Organization.ReadRoles"];
    await call("access.addRolePermissions", principal, { roleId: roles[index], permissions });
  }),
);

const joining = people.filter((_, index) => index % peoplePerOrganization !== 0);
await step("memberships", joining.length, async () => {
  for (let from = 0; from < joining.length; from += mailsAtOnce) {
    const batch = joining.slice(from, from + mailsAtOnce);
    const invitations = new Map<string, string>();
    await forEach(batch, async ({ email }, index) => {
      const at = Math.floor((from + index) / (peoplePerOrganization - 1)) % founders.length;
      const { principal } = founders[at] as Person;
      const input = { organizationId: organizations[at], email, roleId: roles[at] };
      invitations.set(email, (await call("tenancy.inviteMember", principal, input)).id);
    });
    const tokens = await mailed(batch.map(({ email }) => email));
    await forEach(batch, async ({ email, principal }) => {
      await call("tenancy.acceptInvitation", principal, { invitationId: invitations.get(email), token: tokens.get(email) });
    });
  }
});

// Validates every session; this process has none of them cached.
const garbage = globalThis.gc as () => void;
const heap = (): number => {
  garbage();
  garbage();
  return process.memoryUsage().heapUsed;
};

await step("changes", changes, () =>
  forEach(Array.from({ length: changes }), async (_, index) => {
    const { principal } = people[index % people.length] as Person;
    await call("identity.updateMe", principal, { firstName: `Huong ${index}` });
  }),
);
await application.settled();
const beforeSessions = heap();
for (const { token } of people) {
  if ((await application.authenticate(token)) === null) throw new Error("a session is not there");
}
const sessionHeapBytes = (heap() - beforeSessions) / people.length;

const result: SizingResult = {
  bytes: { empty: emptyBytes, full: await numberOf("select pg_database_size(current_database())") },
  steps,
  sessionHeapBytes,
  backlog,
};
console.log(`result ${JSON.stringify(result)}`);
await database.end();
await application.stop();
process.exit(0);
