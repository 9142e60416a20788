import { describeOnPostgresql } from "@gatehouse/testing/databases.ts";
import { makeDatabase, type TestDatabase } from "@gatehouse/testing/postgres.ts";
import { routesOf, sendRequest } from "@gatehouse/testing/requests.ts";
import { sampleOf } from "@gatehouse/testing/samples.ts";
import { type AnyBody, asOperator, openTestServer, type TestServer } from "@gatehouse/testing/server.ts";
import { quiet } from "@gatehouse/testing/stored-rows.ts";
import { twoTenants, World } from "@gatehouse/testing/world.ts";
import pg from "pg";
import { afterAll, beforeAll, expect, it } from "vitest";
import { readsOf } from "./support/plans.ts";
import { populate } from "./support/population.ts";
import { type Recorded, StatementRecorder } from "./support/recorded-statements.ts";

/**
 * Rows of one table that a statement may read, of more than 20,000: a page of 200 and some neighbours, or everything of the one small
 * tenant. Jobs that work in batches stay below it.
 */
const rowsMax = 600;

/** Statements that may read more, with the reason. */
const exceptions: readonly { readonly statement: RegExp; readonly reason: string }[] = [
  { statement: /over \(\)\)::float8 as read from/, reason: "a gauge's count: of a table with more than 40,000 rows it reads a sample" },
  {
    statement: /^select distinct .*condition.* from (relationships|role_permissions)|as subject from relationships$/,
    reason:
      "a new authorization model is held against everything that was written under the present one; administrators replace it, seldom",
  },
  {
    statement: /^select \(select count\(\*\) from organizations where .* as present/,
    reason: "the share of all organizations that an hourly job may erase; they are counted in their index",
  },
  {
    statement: /from audit_records where (action ilike|"category" =) .*order by audit_records\.position desc/,
    reason: "an auditor of every chain looks for what is rare: the records are read from the newest on",
  },
  {
    statement: /from audit_checkpoints where "organization_id" is null .*order by audit_checkpoints\.number$/,
    reason: "a verification holds a chain against all that was signed of it; the rows are of the internal scope, which has many here",
  },
  {
    statement: /^delete from "sessions" where "id" in .*last_active_at/,
    reason: "hourly; an index of last_active_at would cost each use of a session an entry in every index of the table",
  },
];

// On PostgreSQL, because its plans are those of production.
describeOnPostgresql("the plans of all statements, with 20,000 rows of other tenants in each table", () => {
  let database: TestDatabase;
  let client: pg.Client;
  let recorded: readonly Recorded[];
  let population: Awaited<ReturnType<typeof populate>>;

  beforeAll(async () => {
    database = await makeDatabase();
    const recorder = new StatementRecorder();
    const server = await openTestServer({
      GATEHOUSE_DATA_DIR: "memory",
      DATABASE_URL: database.url,
      GATEHOUSE_MASTER_KEY: Buffer.alloc(32, 7).toString("base64"),
      GATEHOUSE_SIGN_IN_LIMIT: "off",
    });
    try {
      recorder.start();
      await drive(server, await World.on(server, twoTenants));
      await quiet(server);
    } finally {
      await server.close();
      recorded = recorder.stop();
    }
    client = new pg.Client({ connectionString: database.url });
    await client.connect();
    population = await populate(client);
  }, 240_000);
  afterAll(async () => {
    await client?.end();
    await database?.drop();
  });

  it("every tenant table has rows and statements that read it", () => {
    expect(population.empty, "add a sample or a job that makes a row").toEqual([]);
    expect(recorded.length).toBeGreaterThan(200);
    const unread = population.filled.filter((table) => !recorded.some(({ text }) => new RegExp(`\\b${table}\\b`).test(text)));
    expect(unread).toEqual([]);
  });

  it("no statement reads the rows of other tenants", async () => {
    const { rows } = await client.query<{ table: string; rows: number }>(
      "select relname as table, reltuples::int as rows from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'",
    );
    const rowsOf = new Map(rows.map((row) => [row.table, row.rows]));
    const wrong: string[] = [];
    for (const statement of recorded) {
      const text = statement.text.replaceAll(/\s+/g, " ").trim();
      const large = (await readsOf(client, statement, rowsOf)).filter((read) => read.rows > rowsMax);
      if (large.length === 0 || exceptions.some((exception) => exception.statement.test(text))) continue;
      const reads = large.map(({ table, by, rows: read }) => `${read} rows of ${table} by ${by}`).join(", ");
      wrong.push(`${reads}, scope ${statement.scope}:\n    ${text}`);
    }
    expect(wrong.join("\n")).toBe("");
  }, 120_000);
});

const operationNamed = (server: TestServer, name: string) =>
  routesOf(server).find((operation) => operation.name === name) as ReturnType<typeof routesOf>[number];

/** Calls every operation with its following pages, every scheduled job, and the metrics. */
async function drive(server: TestServer, world: World): Promise<void> {
  for (const operation of routesOf(server)) {
    const sample = await sampleOf(world, operation.name);
    await sendRequest(server, operation, sample, { "idempotency-key": `once ${operation.name}` });
    if (!("limit" in sample.input)) continue;
    const first = await sendRequest(server, operation, { ...sample, input: { ...sample.input, limit: 1 } });
    const cursor = first.body?.nextCursor;
    if (typeof cursor === "string") await sendRequest(server, operation, { ...sample, input: { ...sample.input, limit: 1, cursor } });
  }
  await internally(server, world);
  await unrouted(server, world);
  await server.application.platform.metrics.registry.metrics();
}

/** Lists and searches of the internal scope that no sample covers. */
async function internally(server: TestServer, { administrator, own }: World): Promise<void> {
  const get = async (route: string, token = administrator.token): Promise<AnyBody> => (await server.call(`GET ${route}`, { token })).body;
  const iam = "/api/v1/iam";
  for (const list of [
    `${iam}/roles?scope=Internal`,
    `${iam}/grants?resourceType=school`,
    "/api/v1/service-accounts?",
    "/api/v1/audit/logs?action=Role",
    "/api/v1/audit/logs?category=System",
  ]) {
    const first = await get(`${list}&limit=1`);
    if (first.nextCursor) await get(`${list}&limit=1&cursor=${encodeURIComponent(first.nextCursor)}`);
  }
  const { token } = own.owner;
  for (const search of [`subjectType=user&subjectId=${own.member.id}`, "relation=viewer", "resourceType=school&resourceId=1"]) {
    await get(`${iam}/grants?organizationId=${own.id}&${search}`, token);
  }
  for (const search of [
    `actorId=${own.owner.id}`,
    `principalId=${own.owner.id}`,
    `credentialId=${own.owner.id}`,
    "severity=Warning",
    "result=refused",
    "entityType=Role",
    "from=2026-01-01T00:00:00.000Z",
  ]) {
    await get(`/api/v1/audit/logs?organizationId=${own.id}&${search}`, token);
  }
}

/** Operations of the schedule, of billing's messages and of the command line. */
async function unrouted(server: TestServer, world: World): Promise<void> {
  const { own, other } = world;
  const run = (operation: string, input: Record<string, unknown> = {}): Promise<AnyBody> => asOperator(server, operation, input);
  for (const job of [
    "audit.signCheckpoints",
    "audit.removeOld",
    "decisions.pruneDecisions",
    "access.removeExpiredGrants",
    "tenancy.expireInvitations",
    "authentication.pruneTokens",
  ])
    await run(job);
  await run("sessions.deleteExpiredSessions");
  await run("operations.getStatus");
  const occurredAt = new Date().toISOString();
  await run("entitlements.followBilling", {
    organizationId: own.id,
    messageId: "1",
    occurredAt,
    plan: "sample",
    entitlements: { seats: 5 },
  });
  const deletion = { occurredAt, confirmed: "yes", delayHours: 24 };
  for (const organizationId of [own.id, other.id])
    await run("entitlements.requestDeletion", { ...deletion, organizationId, messageId: organizationId });
  await run("entitlements.withdrawDeletion", { organizationId: other.id });
  await run("entitlements.listDueDeletions", { limit: 200, erasedWithinHours: 24 });
  await run("entitlements.listSubscriptions", { limit: 200 });
  await run("entitlements.listSubscriptions", { limit: 200, after: own.id });
  const { nextCursor } = await run("audit.listChains", { limit: 1 });
  await run("audit.listChains", { limit: 1, cursor: nextCursor });
  for (const organizationId of [own.id, null]) await run("audit.verifyChain", { organizationId });
  for (let cursor: string | null = null; ; ) {
    const { keys, next }: { keys: readonly string[]; next: string | null } = await run("decisions.listEntryKeys", { cursor });
    if (keys.length > 0) await run("decisions.verifyProjection", { keys: keys.slice(0, 20) });
    if (next === null) break;
    cursor = next;
  }
  // The erasure of the person deleted their export.
  await sendRequest(server, operationNamed(server, "audit.getExportPart"), await sampleOf(world, "audit.getExportPart"));
  await run("tenancy.eraseOrganization", { organizationId: other.id });
}
