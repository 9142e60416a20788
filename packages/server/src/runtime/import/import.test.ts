import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expectOk, expectWritten } from "@gatehouse/testing/answers.ts";
import { beginGatehouse, type Ended } from "@gatehouse/testing/command-line.ts";
import { asAdministrator, describeOnPostgresql, type Fresh, freshPostgresql } from "@gatehouse/testing/databases.ts";
import { anAddress, type Person, password, registration, signIn } from "@gatehouse/testing/people.ts";
import { makeDatabase, type TestDatabase } from "@gatehouse/testing/postgres.ts";
import { compare } from "@gatehouse/testing/references.ts";
import { type AnyBody, openTestServer, type TestServer } from "@gatehouse/testing/server.ts";
import { World } from "@gatehouse/testing/world.ts";
import { type Kysely, sql } from "kysely";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { type AnyTables, everyTenant } from "#platform/database/database.ts";
import { migrate } from "#platform/database/migrations.ts";
import { openPostgresql } from "#platform/database/postgresql.ts";
import { holderOf } from "../data-lock.ts";
import { schemaSteps } from "../modules.ts";
import { readTables } from "./catalogue.ts";
import { meaningOf } from "./positions.ts";
import { openSource } from "./source.ts";

// Each test starts programs, which is slow on a busy machine.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 480_000 });

const withoutLimits = { GATEHOUSE_SIGN_IN_LIMIT: "off" };

const runImport = (from: string, to: string, masterKey: string): Promise<Ended> => beginImport(from, to, masterKey).ended;
const beginImport = (from: string, to: string, masterKey: string) =>
  beginGatehouse(["import", "--from", from], { DATABASE_URL: to, GATEHOUSE_MASTER_KEY: masterKey });

/** Like `eventually`, with time for another program to start. */
const eventuallyElsewhere = <T>(read: () => T) => expect.poll(read, { timeout: 180_000, interval: 50 });

/** Every file below a folder with the hash of its content. */
function contents(folder: string): readonly string[] {
  return (readdirSync(folder, { recursive: true }) as string[])
    .filter((name) => statSync(join(folder, name)).isFile())
    .map(
      (name) =>
        `${name} ${createHash("sha256")
          .update(readFileSync(join(folder, name)))
          .digest("hex")}`,
    )
    .sort();
}

/** Rules, conditions, relationships and everything else that decisions are made from. */
async function liveIn(world: World): Promise<void> {
  await world.define("Room", "Room.Read", "Room.Write", "Room.Close");
  await world.model({
    attributes: { user: { level: "number" } },
    resourceTypes: { Room: { relations: { viewer: { subjects: ["user"] } }, permissions: { "Room.Read": { allow: "viewer" } } } },
  });
  const writer = await world.roleWith("Room.Write", { effect: "allow", condition: compare("$user.level", "greater_than", 3) });
  await world.role(["Room.Close"]);
  await world.setEntitlements({ rooms: 12 });
  const level = await world.person(writer);
  await world.setAttributes(level, { level: 5 });
  await world.granted("Room:1", "viewer", `user:${world.member.id}`);
  const key = { "Idempotency-Key": "one-and-the-same" };
  expectWritten(await world.send("POST roles", world.owner.token, keyedRole(world), key), 201);
  people = [world.owner, world.admin, world.member, world.nonMember, world.administrator, level];
}

const keyedRole = (world: World) => ({ name: "Made once", scope: "Organization", organizationId: world.organization.id });

const newcomer = registration();
let people: readonly Person[] = [];
const permissions = ["Room.Read", "Room.Write", "Room.Close", "Organization.Update", "Organization.InviteMember", "Role.Create"];

/** Every member checks every permission, with and without a room. */
async function answersOf(server: TestServer, organizationId: string): Promise<readonly AnyBody[]> {
  const answers: AnyBody[] = [];
  for (const person of people) {
    for (const actionType of permissions) {
      for (const resource of [{}, { resourceType: "Room", resourceId: "1" }, { resourceType: "Room", resourceId: "2" }]) {
        const body = { userId: person.id, tenantId: organizationId, actionType, ...resource };
        const { status, body: answer } = await server.call("POST /api/v1/iam/authorization/check", { token: person.token, body });
        answers.push([person.email, actionType, resource, status, answer.isAuthorized, answer.reasonCode, answer.error?.code]);
      }
    }
  }
  return answers;
}

const idsInOrder = async (db: Kysely<AnyTables>): Promise<readonly string[]> =>
  (await sql<{ id: string }>`select id from events order by transaction, sequence`.execute(db)).rows.map(({ id }) => id);

const handledBy = async (db: Kysely<AnyTables>): Promise<readonly AnyBody[]> =>
  (
    await sql`select name, (select count(*)::int from events e where (e.transaction, e.sequence) <= (c.transaction, c.sequence)) as events
      from consumers c order by name`.execute(db)
  ).rows;

describeOnPostgresql("an import", () => {
  const dataDir = mkdtempSync(join(tmpdir(), "gatehouse-lived-in-"));
  const checkpoints = `${dataDir}.checkpoints.jsonl`;
  const targets: TestDatabase[] = [];
  let world: World;
  let masterKey: string;
  let before: readonly AnyBody[];
  let asItWas: readonly string[];
  let events: readonly string[];
  let handled: readonly AnyBody[];
  let target: TestDatabase;
  let imported: Ended;

  const newTarget = async (): Promise<TestDatabase> => {
    const made = await makeDatabase();
    targets.push(made);
    return made;
  };
  const onTarget = (worker = true) =>
    openTestServer(
      { ...withoutLimits, DATABASE_URL: target.url, GATEHOUSE_MASTER_KEY: masterKey, GATEHOUSE_DATA_DIR: "memory" },
      { worker },
    );

  beforeAll(async () => {
    const server = await openTestServer({ ...withoutLimits, GATEHOUSE_DATA_DIR: dataDir }, { begins: "migrated" });
    world = await World.on(server, ["admin", "member", "nonMember"]);
    await liveIn(world);
    await server.application.settled();
    before = await answersOf(server, world.organization.id);
    await server.close();
    // Without a worker a mail waits in the queue, and events wait for consumers.
    const idle = await openTestServer({ ...withoutLimits, GATEHOUSE_DATA_DIR: dataDir }, { worker: false });
    const asked = await idle.call("POST /api/v1/iam/auth/forgot-password", { from: anAddress(), body: { email: world.member.email } });
    expect(asked.status).toBe(202);
    await expectOk(idle.call("POST /api/v1/iam/auth/register", { from: anAddress(), body: newcomer }));
    const { owner } = idle.application.platform.database;
    await sql`insert into dead_letters (consumer, event_id, attempts, failure, failed_at)
      select (select min(name) from consumers), (select id from events order by sequence limit 1), 6, 'could not', now()`.execute(owner);
    events = await idsInOrder(owner);
    handled = await handledBy(owner);
    await idle.close();
    const signed = await beginGatehouse(["audit", "checkpoint"], { GATEHOUSE_DATA_DIR: dataDir, LOG_LEVEL: "silent" }).ended;
    writeFileSync(checkpoints, signed.output);
    masterKey = readFileSync(join(dataDir, "master.key"), "utf8").trim();
    asItWas = contents(dataDir);
    target = await newTarget();
    imported = await runImport(dataDir, target.url, masterKey);
  });
  afterAll(async () => {
    for (const each of targets) await each.drop();
    rmSync(dataDir, { recursive: true, force: true });
    rmSync(checkpoints, { force: true });
  });

  it("moves every row, and reports that each table is equal on both ends", () => {
    expect(imported, imported.output).toMatchObject({ code: 0 });
    expect(imported.output).toMatch(/users +\d+ +[0-9a-f]{32}/);
    // A mail and a reset link; schedules may have added jobs.
    expect(Number(/(\d+) waiting jobs/.exec(imported.output)?.[1])).toBeGreaterThanOrEqual(2);
    expect(imported.output).toMatch(/[1-9]\d* encrypted values decrypted/);
  });

  it("leaves the source unchanged, byte by byte", () => {
    expect(contents(dataDir)).toEqual(asItWas);
  });

  it("preserves the log's order, and every consumer's position is after the same event", async () => {
    const server = await onTarget(false);
    const { owner } = server.application.platform.database;
    const now = await idsInOrder(owner);
    expect(now.slice(0, events.length)).toEqual(events);
    expect(await handledBy(owner)).toEqual(handled);
    expect((await sql`select * from dead_letters`.execute(owner)).rows).toHaveLength(1);
    await server.close();
  });

  it("sessions and passwords are valid after the import, decisions are equal, the waiting mail is sent, and a retry gets its first answer", async () => {
    const server = await onTarget();
    expect(await answersOf(server, world.organization.id)).toEqual(before);
    for (const person of people) expect((await server.call("GET /api/v1/iam/users/me", { token: person.token })).status).toBe(200);
    expect(await signIn(server, world.member.email)).toMatch(/^ghs_/);
    expect((await server.mail(newcomer.email, "verify-email")).links).toHaveLength(1);
    const mail = await server.mail(world.member.email, "reset-password");
    const token = new URL(mail.links[0] as string).searchParams.get("token") as string;
    const reset = await server.call("POST /api/v1/iam/auth/reset-password", {
      from: anAddress(),
      body: { token, password: `${password} anew` },
    });
    expect(reset.status, JSON.stringify(reset.body)).toBeLessThan(300);
    const retried = await server.call("POST /api/v1/iam/roles", {
      token: world.owner.token,
      body: keyedRole(world),
      headers: { "Idempotency-Key": "one-and-the-same" },
    });
    expect(retried.status).toBe(201);
    expect(retried.body.name).toBe("Made once");
    await server.close();
  });

  it("the audit log verifies after the import, records the move, and continues", async () => {
    const server = await onTarget();
    const moved = world.onServer(server);
    await moved.role(["Room.Close"]);
    await server.application.settled();
    const { owner } = server.application.platform.database;
    await expect
      .poll(async () => (await sql`select from audit_records where action = 'Installation.Imported'`.execute(owner)).rows.length)
      .toBe(1);
    await server.close();
    const environment = { DATABASE_URL: target.url, GATEHOUSE_MASTER_KEY: masterKey };
    const verified = await beginGatehouse(["audit", "verify", "--against", checkpoints], environment).ended;
    expect(verified, verified.output).toMatchObject({ code: 0, output: expect.stringContaining("is intact") });
  });

  it("later writes come after everything imported, and every consumer handles them", async () => {
    const server = await onTarget();
    const { owner } = server.application.platform.database;
    const known = new Set(await idsInOrder(owner));
    const moved = world.onServer(server);
    const role = await moved.role(["Room.Close"]);
    const joined = await moved.person(role);
    await server.application.settled();
    expect(await moved.may(joined, "Room.Close")).toBe(true);
    const now = await idsInOrder(owner);
    expect(new Set(now.slice(0, known.size))).toEqual(known);
    expect(now.length).toBeGreaterThan(known.size);
    // A consumer without an event of its own moves on after ten minutes.
    await sql`update consumers set moved_at = moved_at - interval '1 hour'`.execute(owner);
    const behind = async () => (await handledBy(owner)).filter(({ events: count }) => count <= events.length).map(({ name }) => name);
    await expect.poll(behind, { timeout: 30_000 }).toEqual([]);
    await server.close();
  });

  it("is refused on a database that is not empty, and changes nothing there", async () => {
    const count = () => asAdministrator(async (client) => (await client.query("select count(*) from users")).rows, target.url);
    const users = await count();
    const again = await runImport(dataDir, target.url, masterKey);
    expect(again).toMatchObject({ code: 1, output: expect.stringContaining("is not empty") });
    expect(await count()).toEqual(users);
  });

  it("is refused on a database with tables of other programs, before anything is created there", async () => {
    const other = await newTarget();
    const tables = () =>
      asAdministrator(
        async (client) => (await client.query("select tablename from pg_tables where schemaname = 'public'")).rows,
        other.url,
      );
    await asAdministrator(async (client) => client.query("create table orders (id integer)"), other.url);
    const refused = await runImport(dataDir, other.url, masterKey);
    expect(refused).toMatchObject({ code: 1, output: expect.stringContaining("has tables that the source lacks (orders)") });
    expect(await tables()).toEqual([{ tablename: "orders" }]);
  });

  it("is refused with another master key, with the remedy in the message", async () => {
    const other = await newTarget();
    const refused = await runImport(dataDir, other.url, randomBytes(32).toString("base64"));
    expect(refused).toMatchObject({ code: 1, output: expect.stringContaining("does not decrypt the values of the source") });
    expect(refused.output).toContain("master.key");
    expect(refused.output).not.toContain(masterKey);
    await expectEmpty(other.url);
  });

  it("that is killed in the middle leaves an empty database, and the next one succeeds", async () => {
    const other = await newTarget();
    await migrated(other.url);
    await asAdministrator(async (holder) => {
      // A row of the sessions waits for a lock; by then the people and organizations are written.
      await holder.query(`create function let_in() returns boolean language sql as 'select pg_advisory_xact_lock(1) is not null'`);
      await holder.query("alter table sessions add constraint let_in check (let_in())");
      await holder.query("select pg_advisory_lock(1)");
      const { child, ended } = beginImport(dataDir, other.url, masterKey);
      await eventuallyElsewhere(async () => (await waitingForLock(holder)).length).toBe(1);
      child.kill("SIGKILL");
      await ended;
      await holder.query("select pg_advisory_unlock(1)");
      await eventuallyElsewhere(async () => (await holder.query(others)).rows.length).toBe(0);
    }, other.url);
    await expectEmpty(other.url);
    // The lock of a killed process is taken over.
    expect(await runImport(dataDir, other.url, masterKey)).toMatchObject({ code: 0 });
  });

  it("no column that is copied unchanged contains transaction ids", async () => {
    const source = await openSource(dataDir);
    const known = sql`(select transaction::text from events union select transaction::text from audit_entries)`;
    for (const table of await readTables(source.database)) {
      const meaning = meaningOf(table);
      const understood = meaning.kind === "revision" ? meaning.columns : meaning.kind === "plain" ? [] : ["transaction", "sequence"];
      for (const { name, type } of table.columns) {
        if (understood.includes(name) || !/^(bigint|integer|numeric|text|character varying)/.test(type)) continue;
        const { rows } = await sql<{ suspicious: boolean }>`
          select count(*) > 0 and bool_and(${sql.ref(name)}::text in ${known}) as suspicious
          from ${sql.table(table.name)} where ${sql.ref(name)} is not null`.execute(source.database);
        expect(rows[0]?.suspicious, `${table.name}.${name} needs a rule in runtime/import/positions.ts`).toBe(false);
      }
    }
    await source.close();
  });

  it("also moves one PostgreSQL into another, through logins that own their databases and nothing else", async () => {
    const further: Fresh = await freshPostgresql([], "plain");
    const moved = await runImport(target.url, further.url as string, masterKey);
    expect(moved, moved.output).toMatchObject({ code: 0 });
    const there = await asAdministrator((client) => client.query("select id from events order by transaction, sequence"), target.url);
    const here = await further.database.read(everyTenant, (db) => idsInOrder(db as never));
    expect(here).toEqual(there.rows.map(({ id }) => id));
    await further.close();
  });

  it("of a PostgreSQL is refused while a server is connected to it", async () => {
    const server = await onTarget(false);
    const other = await newTarget();
    const refused = await runImport(target.url, other.url, masterKey);
    expect(refused).toMatchObject({ code: 1, output: expect.stringContaining("A server is connected to the source") });
    await server.close();
  });

  it("is refused while a server owns the data directory", async () => {
    const holder = beginGatehouse(["start"], { GATEHOUSE_DATA_DIR: dataDir, PORT: "0", LOG_LEVEL: "silent" });
    await eventuallyElsewhere(() => holderOf(dataDir)?.pid).toBe(holder.child.pid);
    const refused = await runImport(dataDir, (await newTarget()).url, masterKey);
    holder.child.kill("SIGTERM");
    await holder.ended;
    expect(refused).toMatchObject({ code: 78, output: expect.stringContaining("is in use by process") });
  });

  it("leaves a source behind that still starts", async () => {
    const server = await openTestServer({ ...withoutLimits, GATEHOUSE_DATA_DIR: dataDir });
    expect(await signIn(server, world.owner.email)).toMatch(/^ghs_/);
    await server.close();
  });
});

async function expectEmpty(url: string): Promise<void> {
  await asAdministrator(async (client) => {
    for (const table of ["users", "organizations", "events", "sessions", "consumers", "audit_entries"]) {
      expect((await client.query(`select count(*)::int as count from ${table}`)).rows, table).toEqual([{ count: 0 }]);
    }
  }, url);
}

async function migrated(url: string): Promise<void> {
  const database = openPostgresql({ url, poolSize: 1 });
  await migrate(database.owner, schemaSteps);
  await database.close();
}

const others =
  "select pid from pg_stat_activity where datname = current_database() and application_name = 'gatehouse' and pid <> pg_backend_pid()";

const waitingForLock = async (client: { query(text: string): Promise<{ rows: unknown[] }> }): Promise<readonly unknown[]> =>
  (await client.query(`${others} and wait_event_type = 'Lock'`)).rows;
