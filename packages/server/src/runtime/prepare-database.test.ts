import { randomBytes } from "node:crypto";
import { runGatehouse } from "@gatehouse/testing/command-line.ts";
import { asAdministrator, describeOnPostgresql } from "@gatehouse/testing/databases.ts";
import { newPerson } from "@gatehouse/testing/people.ts";
import { adminUrl } from "@gatehouse/testing/postgres.ts";
import { openTestServer } from "@gatehouse/testing/server.ts";
import { silent } from "@gatehouse/testing/silent.ts";
import { type Kysely, sql } from "kysely";
import { afterEach, describe, expect, it, vi } from "vitest";
import { grantApplication } from "#platform/database/application-role.ts";
import type { AnyTables, Database } from "#platform/database/database.ts";
import { openPostgresql } from "#platform/database/postgresql.ts";
import { StartRefused } from "#platform/start-refused.ts";
import { withheldRights } from "./modules.ts";
import { prepareDatabase, unmetRequirements } from "./prepare-database.ts";

vi.setConfig({ testTimeout: 120_000 });

/** A test's own database and logins, closed and dropped after the test. */
class TestDatabase {
  readonly name = `gatehouse_test_${randomBytes(6).toString("hex")}`;
  readonly #logins: string[] = [];
  readonly #opened: Database[] = [];

  static async make(options = ""): Promise<TestDatabase> {
    const database = new TestDatabase();
    await database.admin(`create database ${database.name} ${options}`);
    return database;
  }

  async login(role: string, rights = ""): Promise<string> {
    const login = `${this.name}_${role}`;
    this.#logins.push(login);
    await this.admin(`create role ${login} login ${rights}`);
    return login;
  }

  url(login: string): string {
    return Object.assign(new URL(adminUrl), { username: login, pathname: `/${this.name}` }).href;
  }

  open(login: string, schema = "public"): Database {
    const database = openPostgresql({ url: this.url(login), schema, poolSize: 2 });
    this.#opened.push(database);
    return database;
  }

  admin(statement: string): Promise<unknown> {
    return asAdministrator((client) => client.query(statement));
  }

  /** Runs a statement as the administrator in this database. */
  inside(statement: string): Promise<unknown> {
    const url = Object.assign(new URL(adminUrl), { pathname: `/${this.name}` }).href;
    return asAdministrator((client) => client.query(statement), url);
  }

  async drop(): Promise<void> {
    await Promise.all(this.#opened.map((database) => database.close()));
    await this.admin(`drop database if exists ${this.name} with (force)`);
    for (const login of this.#logins) await this.admin(`drop role ${login}`);
  }
}

const addresses = (databaseUrl: string, databaseSchema = "public") => ({ databaseUrl, databaseSchema, databaseDirectUrl: undefined });

// Only a server has several logins.
describeOnPostgresql("an unmet requirement of a start on the database", () => {
  let database: TestDatabase;
  afterEach(() => database.drop());

  const unmet = (login: string, schema = "public") =>
    unmetRequirements(database.open(login, schema), addresses(database.url(login), schema));
  const prepare = (login: string, schema = "public") =>
    prepareDatabase(database.open(login, schema), addresses(database.url(login), schema), silent);
  const remedies = (found: Awaited<ReturnType<typeof unmet>>): readonly string[] =>
    found.flatMap(({ remedy }) => remedy.match(/(?:GRANT|CREATE SCHEMA|CREATE ROLE) .*?(?=, or|, and|;|$)/g) ?? []);

  it("is reported with the SQL that resolves it", async () => {
    database = await TestDatabase.make();
    const login = await database.login("few");
    const found = await unmet(login);
    expect(found.map(({ what }) => what)).toEqual([
      expect.stringMatching(/^\d+ steps of the schema are pending, and the login ".*" may not change the schema "public"$/),
      `the login "${login}" may not make the schema jobs of the job queue`,
    ]);
    await expect(prepare(login)).rejects.toBeInstanceOf(StartRefused);
    expect(remedies(found)).toEqual([
      `GRANT USAGE, CREATE ON SCHEMA "public" TO "${login}"`,
      `CREATE SCHEMA jobs AUTHORIZATION "${login}"`,
    ]);
    for (const statement of remedies(found)) await database.inside(statement);
    expect(await unmet(login)).toEqual([]);
    await prepare(login);
  });

  it("makes a start exit 78 with one line that names the variable, and the doctor exit 1", async () => {
    database = await TestDatabase.make();
    const environment = { DATABASE_URL: database.url(await database.login("few")), GATEHOUSE_DATA_DIR: "memory" };
    const started = await runGatehouse(["start"], environment);
    expect(started.code).toBe(78);
    expect(started.output.trim().split("\n")).toEqual([expect.stringMatching(/DATABASE_URL.*GRANT USAGE, CREATE ON SCHEMA "public"/)]);
    const doctor = await runGatehouse(["doctor"], environment);
    expect(doctor.code).toBe(1);
    expect(doctor.output).toMatch(/^WRONG .*CREATE SCHEMA jobs AUTHORIZATION/m);
  });

  it("is none for a login without rights on the schema, once another login has migrated", async () => {
    database = await TestDatabase.make();
    const [owner, serving] = [await database.login("owner"), await database.login("serving")];
    await database.admin(`alter database ${database.name} owner to ${owner}`);
    await database.inside(`alter schema public owner to ${owner}`);
    await prepare(owner);
    const found = await unmet(serving);
    expect(remedies(found)).toContain(`GRANT gatehouse_app TO "${serving}"`);
    await database.admin(`grant gatehouse_app to ${serving}`);
    expect(await unmet(serving)).toEqual([]);
    const server = await openTestServer({
      DATABASE_URL: database.url(serving),
      GATEHOUSE_DATA_DIR: "memory",
      GATEHOUSE_MASTER_KEY: randomBytes(32).toString("base64"),
      GATEHOUSE_SIGN_IN_LIMIT: "off",
    });
    // Registration, a mail from the job queue, confirmation and sign-in.
    expect((await newPerson(server)).token).toMatch(/^ghs_/);
    const { owner: handle } = server.application.platform.database;
    for (const statement of [
      "create table mine (id int)",
      "drop table users",
      "delete from schema_steps",
      "create table jobs.mine (id int)",
    ])
      await expect(sql.raw(statement).execute(handle), statement).rejects.toMatchObject({ code: "42501" });
    await server.close();
  });

  it("is none where the application's role is created after the schema: it gets the same rights", async () => {
    database = await TestDatabase.make();
    const opened = database.open(new URL(adminUrl).username);
    await prepareDatabase(opened, addresses(database.url(new URL(adminUrl).username)), silent);
    await sql`create table of_others (id integer)`.execute(opened.owner);
    const owner = await database.login("others");
    await sql.raw(`alter table of_others owner to ${owner}`).execute(opened.owner);
    const before = await rightsOf(opened.owner);
    expect(before["audit_checkpoints"]).toBe("INSERT SELECT");
    await sql`revoke all on all tables in schema public from gatehouse_app`.execute(opened.owner);
    expect(await rightsOf(opened.owner)).toEqual({});
    await grantApplication(opened.owner, withheldRights);
    expect(await rightsOf(opened.owner)).toEqual(before);
  });

  it("is none for a login that bypasses row-level security and may become the application's role", async () => {
    database = await TestDatabase.make();
    const login = await database.login("bypassing", "bypassrls");
    await database.admin(`alter database ${database.name} owner to ${login}`);
    await database.inside(`alter schema public owner to ${login}`);
    const found = await unmet(login);
    expect(remedies(found)).toEqual([`GRANT gatehouse_app TO "${login}"`]);
    for (const statement of remedies(found)) await database.inside(statement);
    await prepare(login);
    const seen = await database
      .open(login)
      .transact({ tenant: "none" }, (tx) => sql<{ role: string }>`select current_user as role`.execute(tx));
    expect(seen.rows).toEqual([{ role: "gatehouse_app" }]);
  });

  it("is none for such a login with CREATEROLE, which becomes a member of the role", async () => {
    database = await TestDatabase.make();
    const login = await database.login("creating", "bypassrls createrole");
    await database.admin(`alter database ${database.name} owner to ${login}`);
    await database.inside(`alter schema public owner to ${login}`);
    await prepare(login);
    await expect(database.open(login).transact({ tenant: "none" }, async () => "done")).resolves.toBe("done");
  });

  it("is none with a schema that a DBA has created, and public is not touched", async () => {
    database = await TestDatabase.make();
    const login = await database.login("schema");
    expect(remedies(await unmet(login, "identity"))).toContain(`CREATE SCHEMA "identity" AUTHORIZATION "${login}"`);
    for (const schema of ["identity", "jobs"]) await database.inside(`create schema ${schema} authorization ${login}`);
    await database.admin(`alter role ${login} set search_path = public`);
    await prepare(login, "identity");
    const { rows } = await sql<{ schema: string; tables: number }>`
      select schemaname as schema, count(*)::int as tables from pg_tables where schemaname in ('identity', 'public') group by 1`.execute(
      database.open(login, "identity").owner,
    );
    expect(rows).toEqual([{ schema: "identity", tables: expect.any(Number) }]);
  });

  it.each(["SQL_ASCII", "LATIN1"])("is the encoding %s, which is refused by name", async (encoding) => {
    database = await TestDatabase.make(`encoding '${encoding}' locale 'C' template template0`);
    const { code, output } = await runGatehouse(["start"], {
      DATABASE_URL: database.url(new URL(adminUrl).username),
      GATEHOUSE_DATA_DIR: "memory",
    });
    expect([code, output.trim().split("\n")]).toEqual([78, [expect.stringContaining(`the database's encoding is ${encoding}`)]]);
  });

  it("is a setting that disables foreign keys", async () => {
    database = await TestDatabase.make();
    const login = new URL(adminUrl).username;
    await database.admin(`alter database ${database.name} set session_replication_role = replica`);
    expect(await unmet(login)).toEqual([
      {
        what: expect.stringContaining("session_replication_role is replica"),
        remedy: expect.stringContaining("RESET session_replication_role"),
      },
    ]);
  });

  it("is a direct address of another database", async () => {
    database = await TestDatabase.make();
    const login = new URL(adminUrl).username;
    const configuration = { ...addresses(database.url(login)), databaseDirectUrl: adminUrl };
    expect(await unmetRequirements(database.open(login), configuration)).toEqual([
      { what: "DATABASE_DIRECT_URL names another database or login than DATABASE_URL", remedy: "name the same in both" },
    ]);
  });
});

describe("settings of the database", () => {
  it("cannot name a schema in the address, because each transaction sets its own", async () => {
    const { code, output } = await runGatehouse(["doctor"], { DATABASE_URL: "postgres://localhost/x?options=-c%20search_path%3Dmine" });
    expect([code, output]).toEqual([78, expect.stringContaining("DATABASE_SCHEMA")]);
  });

  it.each(["pg_own", "jobs", "Mixed", 'a"b', "1st"])("cannot name the schema %s", async (schema) => {
    const { code, output } = await runGatehouse(["doctor"], { DATABASE_SCHEMA: schema, GATEHOUSE_DATA_DIR: "memory" });
    expect([code, output]).toEqual([78, expect.stringContaining("DATABASE_SCHEMA")]);
  });
});

/** The rights of the application's role on each table. */
async function rightsOf(db: Kysely<AnyTables>): Promise<Record<string, string>> {
  const { rows } = await sql<{ name: string; rights: string }>`
    select c.relname as name, string_agg(acl.privilege_type, ' ' order by acl.privilege_type) as rights
    from pg_class c cross join aclexplode(c.relacl) acl join pg_roles r on r.oid = acl.grantee
    where c.relnamespace = 'public'::regnamespace and r.rolname = 'gatehouse_app' group by 1`.execute(db);
  return Object.fromEntries(rows.map(({ name, rights }) => [name, rights]));
}
