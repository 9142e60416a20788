import type { Fresh } from "@gatehouse/testing/databases.ts";
import { sql } from "kysely";
import { describe, expect, it } from "vitest";
import { type Database, everyTenant, tenantScope } from "../database.ts";
import { migrate, pendingSteps, type SchemaStep, sharedTable, tenantPolicySteps, tenantTable } from "../migrations.ts";
import { rowsOf } from "../rows.ts";

const table = (name: string, why = "a table"): SchemaStep => ({
  name,
  why,
  async up(db) {
    await sql`create table ${sql.table(name.slice(5))} (id integer primary key, organization_id uuid, note text)`.execute(db);
    await tenantTable(db, name.slice(5), { tenant: "organization_id" });
  },
});

const first = table("0001_first");
const second = table("0002_second");
const third = table("0003_third");
const failing: SchemaStep = {
  name: "0004_failing",
  why: "a step that breaks off in the middle",
  async up(db) {
    await sql`create table half (id integer)`.execute(db);
    throw new Error("the step broke off");
  },
};

/** The contract of migrations, for every database. `make` returns an empty database, without any applied step. */
export function migrationsConformance(name: string, make: () => Promise<Fresh>): void {
  describe(`migrations: ${name}`, () => {
    const on = async (test: (database: Database) => Promise<void>): Promise<void> => {
      const fresh = await make();
      try {
        await test(fresh.database);
      } finally {
        await fresh.close();
      }
    };
    const tables = async (database: Database): Promise<string[]> => {
      const { rows } = await sql<{ name: string }>`
        select tablename as name from pg_tables where schemaname = 'public' and tablename not like 'schema_%' order by 1`.execute(
        database.owner,
      );
      return rows.map((row) => row.name);
    };

    it("apply every step once, in the order of their numbers, and report them", () =>
      on(async (database) => {
        expect(await pendingSteps(database.owner, [second, first])).toEqual(["0002_second", "0001_first"]);
        expect(await migrate(database.owner, [second, first])).toEqual({ applied: ["0001_first", "0002_second"], alreadyCurrent: false });
        expect(await tables(database)).toEqual(["first", "second"]);
        expect(await pendingSteps(database.owner, [first, second])).toEqual([]);
        expect(await migrate(database.owner, [first, second])).toEqual({ applied: [], alreadyCurrent: true });
      }));

    it("apply a new step with a lower number too, because releases of two modules may overlap", () =>
      on(async (database) => {
        await migrate(database.owner, [first, third]);
        expect(await migrate(database.owner, [first, second, third])).toEqual({ applied: ["0002_second"], alreadyCurrent: false });
      }));

    it("roll back all steps of a release if one fails, and apply them once none fails", () =>
      on(async (database) => {
        await migrate(database.owner, [first]);
        await expect(migrate(database.owner, [first, second, failing])).rejects.toThrow("the step broke off");
        expect(await tables(database)).toEqual(["first"]);
        expect(await pendingSteps(database.owner, [first, second])).toEqual(["0002_second"]);
        await migrate(database.owner, [
          first,
          second,
          { ...failing, up: (db) => sql`create table half (id integer)`.execute(db).then(() => {}) },
        ]);
        expect(await tables(database)).toEqual(["first", "half", "second"]);
      }));

    it("let an older release run on the schema of a newer additive release", () =>
      on(async (database) => {
        await migrate(database.owner, [first, second, third]);
        expect(await migrate(database.owner, [first])).toEqual({ applied: [], alreadyCurrent: true });
        await database.transact(everyTenant, (tx) => sql`insert into first values (1, null, 'written by the older one')`.execute(tx));
        expect(await migrate(database.owner, [first, second, third])).toEqual({ applied: [], alreadyCurrent: true });
      }));

    it("reject an older release on the schema of a newer breaking release, and name the step", () =>
      on(async (database) => {
        await migrate(database.owner, [first, { ...second, breaking: true }, third]);
        await expect(migrate(database.owner, [first])).rejects.toThrow(/newer release.*0002_second/);
        await expect(migrate(database.owner, [first, third])).rejects.toThrow("0002_second");
        await expect(migrate(database.owner, [first, { ...second, breaking: true }, third])).resolves.toMatchObject({
          alreadyCurrent: true,
        });
      }));

    it("reject an older release before any change", () =>
      on(async (database) => {
        await migrate(database.owner, [{ ...first, breaking: true }]);
        await expect(migrate(database.owner, [second])).rejects.toThrow("0001_first");
        expect(await tables(database)).toEqual(["first"]);
      }));

    it("record that a step is breaking in the same transaction", () =>
      on(async (database) => {
        await migrate(database.owner, [first, { ...second, breaking: true }]);
        const { rows } = await sql`select b.name from schema_breaking b join schema_steps s using (name)`.execute(database.owner);
        expect(rows).toEqual([{ name: "0002_second" }]);
        await expect(migrate(database.owner, [first, { ...second, breaking: true }, { ...failing, breaking: true }])).rejects.toThrow(
          "the step broke off",
        );
        await expect(migrate(database.owner, [first, { ...second, breaking: true }])).resolves.toMatchObject({ alreadyCurrent: true });
      }));

    it("update rows of every tenant in a step, with any login", () =>
      on(async (database) => {
        await migrate(database.owner, [first]);
        const red = "0198a000-0000-7000-8000-0000000000aa";
        await database.transact(everyTenant, (tx) => sql`insert into first values (1, ${red}, null), (2, null, null)`.execute(tx));
        const backfill: SchemaStep = {
          name: "0002_backfill",
          why: "what was empty gets a value",
          up: async (db) => void (await sql`update first set note = 'filled in' where note is null`.execute(db)),
        };
        await migrate(database.owner, [first, backfill]);
        const rows = await database.read(everyTenant, (db) => rowsOf(db, sql`select id, note from first order by id`));
        expect(rows).toEqual([
          { id: 1, note: "filled in" },
          { id: 2, note: "filled in" },
        ]);
        const seen = await database.read(tenantScope(red), (db) => rowsOf(db, sql`select id from first`));
        expect(seen).toEqual([{ id: 1 }]);
      }));

    it("give a table of an earlier release the current policy: each tenant sees its own rows, as before", () =>
      on(async (database) => {
        const [red, blue] = ["0198a000-0000-7000-8000-0000000000aa", "0198a000-0000-7000-8000-0000000000bb"];
        const earlier: SchemaStep = {
          name: "0002_earlier",
          why: "a table whose policy is an `or`",
          async up(db) {
            await first.up(db);
            await sql`alter policy tenant on first using (organization_id = (select case when current_setting('app.tenant', true) ~ '^[0-9a-fA-F-]{36}$'
                then current_setting('app.tenant', true)::uuid end)
              or (organization_id is null and (select current_setting('app.tenant', true)) = 'internal')
              or (select current_setting('app.tenant', true)) = '*')`.execute(db);
            await sql`insert into first values (1, ${red}, ''), (2, ${blue}, ''), (3, null, '')`.execute(db);
          },
        };
        await migrate(database.owner, [earlier, ...tenantPolicySteps]);
        const { rows } = await sql<{ qual: string }>`select qual from pg_policies where tablename = 'first'`.execute(database.owner);
        expect(rows.map(({ qual }) => qual.trimStart().split(/\s/)[0])).toEqual(["CASE"]);
        const seen = (tenant: string) =>
          database.read({ tenant }, async (db) =>
            (await rowsOf(db, sql<{ id: number }>`select id from first order by id`)).map(({ id }) => id),
          );
        expect(await seen(red)).toEqual([1]);
        expect(await seen(blue)).toEqual([2]);
        expect(await seen("internal")).toEqual([3]);
        expect(await seen("*")).toEqual([1, 2, 3]);
        expect(await seen("none")).toEqual([]);
        expect(await seen("")).toEqual([]);
        await expect(
          database.transact({ tenant: red }, (tx) => sql`insert into first values (4, ${blue}, '')`.execute(tx)),
        ).rejects.toThrow();
        await expect(
          database.transact({ tenant: "none" }, (tx) => sql`insert into first values (5, null, '')`.execute(tx)),
        ).rejects.toThrow();
      }));

    it("grant the application its tables, but no write to the schema steps and no schema change", () =>
      on(async (database) => {
        await migrate(database.owner, [
          {
            ...first,
            up: async (db) => {
              await sql`create table shared (id integer primary key)`.execute(db);
              await sharedTable(db, "shared");
            },
          },
        ]);
        await database.transact(everyTenant, (tx) => sql`insert into shared values (1)`.execute(tx));
        const { rows } = await sql<{ bypasses: boolean }>`select rolsuper as bypasses from pg_roles where rolname = current_user`.execute(
          database.owner,
        );
        // A plain login owns its tables; only a login that steps down can be denied access.
        if (!rows[0]?.bypasses) return;
        for (const statement of [
          "drop table shared",
          "alter table shared disable row level security",
          "delete from schema_steps",
          "create table mine (id integer)",
        ]) {
          await expect(database.transact(everyTenant, (tx) => sql.raw(statement).execute(tx))).rejects.toMatchObject({ code: "42501" });
        }
      }));
  });
}
