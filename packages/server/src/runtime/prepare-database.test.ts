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

/** A database of a test's own, its logins, and what is to be closed and dropped after it. */
class Place {
  readonly name = `gatehouse_test_${randomBytes(6).toString("hex")}`;
  readonly #logins: string[] = [];
  readonly #opened: Database[] = [];

  static async make(options = ""): Promise<Place> {
    const place = new Place();
    await place.admin(`create database ${place.name} ${options}`);
    return place;
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

  /** As the administrator, in this database. */
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

// Logins with rights of their own exist on a server only.
describeOnPostgresql("what a start needs of the database", () => {
  let place: Place;
  afterEach(() => place.drop());

  const unmet = (login: string, schema = "public") => unmetRequirements(place.open(login, schema), addresses(place.url(login), schema));
  const prepare = (login: string, schema = "public") =>
    prepareDatabase(place.open(login, schema), addresses(place.url(login), schema), silent);
  const remedies = (found: Awaited<ReturnType<typeof unmet>>): readonly string[] =>
    found.flatMap(({ remedy }) => remedy.match(/(?:GRANT|CREATE SCHEMA|CREATE ROLE) .*?(?=, or|, and|;|$)/g) ?? []);

  it("is said with the SQL that mends it, which mends it", async () => {
    place = await Place.make();
    const login = await place.login("few");
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
    for (const statement of remedies(found)) await place.inside(statement);
    expect(await unmet(login)).toEqual([]);
    await prepare(login);
  });

  it("ends a start with 78 in one line that names the variable, and the doctor with 1", async () => {
    place = await Place.make();
    const environment = { DATABASE_URL: place.url(await place.login("few")), GATEHOUSE_DATA_DIR: "memory" };
    const started = await runGatehouse(["start"], environment);
    expect(started.code).toBe(78);
    expect(started.output.trim().split("\n")).toEqual([expect.stringMatching(/DATABASE_URL.*GRANT USAGE, CREATE ON SCHEMA "public"/)]);
    const doctor = await runGatehouse(["doctor"], environment);
    expect(doctor.code).toBe(1);
    expect(doctor.output).toMatch(/^WRONG .*CREATE SCHEMA jobs AUTHORIZATION/m);
  });

  it("lets one login migrate, and another serve that may change nothing", async () => {
    place = await Place.make();
    const [owner, serving] = [await place.login("owner"), await place.login("serving")];
    await place.admin(`alter database ${place.name} owner to ${owner}`);
    await place.inside(`alter schema public owner to ${owner}`);
    await prepare(owner);
    const found = await unmet(serving);
    expect(remedies(found)).toContain(`GRANT gatehouse_app TO "${serving}"`);
    await place.admin(`grant gatehouse_app to ${serving}`);
    expect(await unmet(serving)).toEqual([]);
    const server = await openTestServer({
      DATABASE_URL: place.url(serving),
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

  it("gives the application's role the same rights where it was made after the schema", async () => {
    place = await Place.make();
    const database = place.open(new URL(adminUrl).username);
    await prepareDatabase(database, addresses(place.url(new URL(adminUrl).username)), silent);
    await sql`create table of_others (id integer)`.execute(database.owner);
    const owner = await place.login("others");
    await sql.raw(`alter table of_others owner to ${owner}`).execute(database.owner);
    const before = await rightsOf(database.owner);
    expect(before["audit_checkpoints"]).toBe("INSERT SELECT");
    await sql`revoke all on all tables in schema public from gatehouse_app`.execute(database.owner);
    expect(await rightsOf(database.owner)).toEqual({});
    await grantApplication(database.owner, withheldRights);
    expect(await rightsOf(database.owner)).toEqual(before);
  });

  it("takes a login that bypasses row-level security and is no superuser, where it may become the application's role", async () => {
    place = await Place.make();
    const login = await place.login("bypassing", "bypassrls");
    await place.admin(`alter database ${place.name} owner to ${login}`);
    await place.inside(`alter schema public owner to ${login}`);
    const found = await unmet(login);
    expect(remedies(found)).toEqual([`GRANT gatehouse_app TO "${login}"`]);
    for (const statement of remedies(found)) await place.inside(statement);
    await prepare(login);
    const seen = await place
      .open(login)
      .transact({ tenant: "none" }, (tx) => sql<{ role: string }>`select current_user as role`.execute(tx));
    expect(seen.rows).toEqual([{ role: "gatehouse_app" }]);
  });

  it("makes such a login a member of the role where it may", async () => {
    place = await Place.make();
    const login = await place.login("creating", "bypassrls createrole");
    await place.admin(`alter database ${place.name} owner to ${login}`);
    await place.inside(`alter schema public owner to ${login}`);
    await prepare(login);
    await expect(place.open(login).transact({ tenant: "none" }, async () => "done")).resolves.toBe("done");
  });

  it("keeps to the schema that a DBA has made, and leaves public alone", async () => {
    place = await Place.make();
    const login = await place.login("schema");
    expect(remedies(await unmet(login, "identity"))).toContain(`CREATE SCHEMA "identity" AUTHORIZATION "${login}"`);
    for (const schema of ["identity", "jobs"]) await place.inside(`create schema ${schema} authorization ${login}`);
    await place.admin(`alter role ${login} set search_path = public`);
    await prepare(login, "identity");
    const { rows } = await sql<{ schema: string; tables: number }>`
      select schemaname as schema, count(*)::int as tables from pg_tables where schemaname in ('identity', 'public') group by 1`.execute(
      place.open(login, "identity").owner,
    );
    expect(rows).toEqual([{ schema: "identity", tables: expect.any(Number) }]);
  });

  it.each(["SQL_ASCII", "LATIN1"])("refuses the encoding %s by name", async (encoding) => {
    place = await Place.make(`encoding '${encoding}' locale 'C' template template0`);
    const { code, output } = await runGatehouse(["start"], {
      DATABASE_URL: place.url(new URL(adminUrl).username),
      GATEHOUSE_DATA_DIR: "memory",
    });
    expect([code, output.trim().split("\n")]).toEqual([78, [expect.stringContaining(`the database's encoding is ${encoding}`)]]);
  });

  it("refuses settings under which no foreign key holds", async () => {
    place = await Place.make();
    const login = new URL(adminUrl).username;
    await place.admin(`alter database ${place.name} set session_replication_role = replica`);
    expect(await unmet(login)).toEqual([
      {
        what: expect.stringContaining("session_replication_role is replica"),
        remedy: expect.stringContaining("RESET session_replication_role"),
      },
    ]);
  });

  it("refuses a direct address that leads elsewhere", async () => {
    place = await Place.make();
    const login = new URL(adminUrl).username;
    const configuration = { ...addresses(place.url(login)), databaseDirectUrl: adminUrl };
    expect(await unmetRequirements(place.open(login), configuration)).toEqual([
      { what: "DATABASE_DIRECT_URL names another database or login than DATABASE_URL", remedy: "name the same in both" },
    ]);
  });
});

describe("settings of the database", () => {
  it("in an address name no schema, because each transaction has its own", async () => {
    const { code, output } = await runGatehouse(["doctor"], { DATABASE_URL: "postgres://localhost/x?options=-c%20search_path%3Dmine" });
    expect([code, output]).toEqual([78, expect.stringContaining("DATABASE_SCHEMA")]);
  });

  it.each(["pg_own", "jobs", "Mixed", 'a"b', "1st"])("name no schema %s", async (schema) => {
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
