import { describeOnPostgresql, type Fresh, freshPglite, freshPostgresql } from "@gatehouse/testing/databases.ts";
import { eventually } from "@gatehouse/testing/eventually.ts";
import { sql } from "kysely";
import { afterEach, beforeAll, expect, it } from "vitest";
import { migrationsConformance } from "./conformance/migrations-conformance.ts";
import { createApplicationRole, ifApplicationRole, migrate, type SchemaStep, sharedTable } from "./migrations.ts";
import { openPglite } from "./pglite.ts";

// Creating an embedded database takes two seconds, opening a copy a third of a second.
let image: Blob | undefined;
beforeAll(async () => {
  const database = await openPglite("memory");
  image = (await database.pglite.dumpDataDir("none")) as Blob;
  await database.close();
}, 60_000);

migrationsConformance("PGlite", () => freshPglite([], image));

// Two processes that start concurrently need two connections.
describeOnPostgresql("migrations on PostgreSQL", () => {
  migrationsConformance("PostgreSQL, a superuser that steps down", () => freshPostgresql([]));
  migrationsConformance("PostgreSQL, a plain login that owns the database", () => freshPostgresql([], "plain"));

  let fresh: Fresh | undefined;
  afterEach(async () => {
    await fresh?.close();
    fresh = undefined;
  });

  const counted = (taken: string[], breaking = false): readonly SchemaStep[] =>
    ["0001_one", "0002_two", "0003_three"].map((name, index) => ({
      name,
      why: "a table",
      breaking: breaking && index === 1,
      async up(db) {
        taken.push(name);
        await sql`create table ${sql.table(name.slice(5))} (id integer)`.execute(db);
        await sharedTable(db, name.slice(5));
      },
    }));

  it.each([false, true])(
    "apply each step once when several processes start concurrently on an empty database (breaking: %s)",
    async (breaking) => {
      fresh = await freshPostgresql([]);
      const { another } = fresh;
      const taken: string[] = [];
      const reports = await Promise.all(
        Array.from({ length: 8 }, async () => {
          const { owner } = another(2);
          await createApplicationRole(owner);
          return migrate(owner, counted(taken, breaking));
        }),
      );
      expect(taken).toEqual(["0001_one", "0002_two", "0003_three"]);
      expect(reports.filter((report) => !report.alreadyCurrent)).toEqual([{ applied: taken, alreadyCurrent: false }]);
    },
  );

  it("let an older and a newer additive release that start concurrently both start", async () => {
    for (let round = 0; round < 5; round += 1) {
      fresh = await freshPostgresql([]);
      const { another } = fresh;
      const taken: string[] = [];
      const steps = counted(taken);
      await Promise.all(
        [steps, steps.slice(0, 1), steps.slice(0, 2), steps.slice(0, 1), steps].map((known) => migrate(another(2).owner, known)),
      );
      expect(taken.toSorted()).toEqual(["0001_one", "0002_two", "0003_three"]);
      await fresh.close();
    }
    fresh = undefined;
  });

  it("wait for a process that migrates, and then find no pending step", async () => {
    fresh = await freshPostgresql([]);
    const [inside, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    let taken = 0;
    const slow: SchemaStep = {
      name: "0001_slow",
      why: "a step that another process finds running",
      async up(db) {
        taken += 1;
        inside.resolve();
        await goOn.promise;
        await sql`create table slow (id integer)`.execute(db);
      },
    };
    const one = migrate(fresh.another(2).owner, [slow]);
    await inside.promise;
    const other = migrate(fresh.another(2).owner, [slow]);
    await eventually(
      async () =>
        (
          await sql`select 1 from pg_locks where locktype = 'advisory' and not granted and database = (select oid from pg_database where datname = current_database())`.execute(
            (fresh as Fresh).database.owner,
          )
        ).rows,
    ).toHaveLength(1);
    goOn.resolve();
    expect(await one).toEqual({ applied: ["0001_slow"], alreadyCurrent: false });
    expect(await other).toEqual({ applied: [], alreadyCurrent: true });
    expect(taken).toBe(1);
  });

  it("grant privileges to the application from several processes concurrently", async () => {
    fresh = await freshPostgresql([]);
    const { another, database } = fresh;
    await sql`create table granted (id integer)`.execute(database.owner);
    await expect(
      Promise.all(
        Array.from({ length: 8 }, async () => {
          const { owner } = another(2);
          for (let round = 0; round < 10; round += 1) await ifApplicationRole(owner, "grant select on granted to gatehouse_app");
        }),
      ),
    ).resolves.toHaveLength(8);
  });

  it("create the application role once when several databases of the server start concurrently", async () => {
    const databases = await Promise.all(Array.from({ length: 4 }, () => freshPostgresql([])));
    try {
      await expect(
        Promise.all(databases.flatMap((each) => [1, 2].map(() => createApplicationRole(each.another(1).owner)))),
      ).resolves.toHaveLength(8);
    } finally {
      for (const each of databases) await each.close();
    }
  });
});
