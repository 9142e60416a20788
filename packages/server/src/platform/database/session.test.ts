import { asAdministrator, describeOnPostgresql, type Fresh, freshPostgresql, holdTransaction } from "@gatehouse/testing/databases.ts";
import { foreignSettings, settingsOf } from "@gatehouse/testing/foreign-settings.ts";
import { silent } from "@gatehouse/testing/silent.ts";
import { sql } from "kysely";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pgBossJobs } from "../jobs/pg-boss.ts";
import { everyTenant } from "./database.ts";
import { isTransient } from "./driver-errors.ts";
import { type SchemaStep, sharedTable } from "./migrations.ts";
import { openSmallPool } from "./postgresql.ts";
import { type AnyHandle, rowsOf } from "./rows.ts";
import { beginStatement } from "./session.ts";
import { settledPool } from "./settled-pool.ts";

const steps: readonly SchemaStep[] = [
  {
    name: "0001_contract_owners",
    why: "rows of which at least one must remain",
    async up(db) {
      await sql`create table owners (name text primary key)`.execute(db);
      await sharedTable(db, "owners");
    },
  },
];

const names = [
  ...Object.keys(foreignSettings).filter((name) => !/^default_|^idle_|timeout$/.test(name)),
  "transaction_isolation",
  "transaction_read_only",
];
const ours = {
  search_path: "public",
  timezone: "UTC",
  datestyle: "ISO, YMD",
  intervalstyle: "postgres",
  extra_float_digits: "1",
  bytea_output: "hex",
  array_nulls: "on",
  standard_conforming_strings: "on",
  transform_null_equals: "off",
  row_security: "on",
  synchronous_commit: "on",
  transaction_isolation: "read committed",
  transaction_read_only: "off",
};
const limits = ["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"];

const settings = async (db: AnyHandle, listed: readonly string[] = names): Promise<Record<string, string>> => {
  const rows = await rowsOf(
    db,
    sql<{ name: string; value: string }>`select name, current_setting(name) as value from unnest(${listed}::text[]) name`,
  );
  return Object.fromEntries(rows.map(({ name, value }) => [name, value.replaceAll('"', "")]));
};

// Only a real server has settings per database and role, and lock waits.
describeOnPostgresql("settings of a database or role", () => {
  let fresh: Fresh;
  const name = () => new URL(fresh.url as string).pathname.slice(1);
  const sees = () => fresh.another(1);

  describe.each(["database", "role"] as const)("set for the %s", (kind) => {
    beforeAll(async () => {
      fresh = await freshPostgresql(steps, "plain");
      await asAdministrator(async (client) => {
        for (const statement of settingsOf(kind, name(), foreignSettings)) await client.query(statement);
      });
    }, 60_000);
    afterAll(() => fresh.close());

    it("do not affect transactions of commands, of queries and of the owner", async () => {
      const database = sees();
      expect(await database.transact(everyTenant, (tx) => settings(tx))).toEqual(ours);
      expect(await database.read(everyTenant, (db) => settings(db))).toEqual({ ...ours, transaction_read_only: "on" });
      expect(await database.owner.transaction().execute((tx) => settings(tx))).toEqual(ours);
    });

    it("do not affect a single statement of the owner", async () => {
      expect(await settings(sees().owner)).toEqual(ours);
    });

    it("do not affect the time limits", async () => {
      const database = sees();
      const own = { statement_timeout: "10s", lock_timeout: "0", idle_in_transaction_session_timeout: "10s" };
      expect(await database.transact(everyTenant, (tx) => settings(tx, limits))).toEqual(own);
      const none = { statement_timeout: "0", lock_timeout: "0", idle_in_transaction_session_timeout: "0" };
      expect(await settings(database.owner, limits)).toEqual(none);
      // Longer than the half second that is set for the database.
      await database.transact(everyTenant, (tx) => sql`select pg_sleep(0.7)`.execute(tx));
    });

    it("do not affect the job queue's statements", async () => {
      const pool = openSmallPool({
        url: fresh.url as string,
        max: 1,
        applicationName: "test",
        timeLimitMs: 5_000,
        schema: "public",
        onIdleError: () => {},
      });
      const connection = await pool.connect();
      const statement = `select name, current_setting(name) as value from unnest('{${names.join(",")}}'::text[]) name`;
      const seen = (rows: readonly { name: string; value: string }[]) =>
        Object.fromEntries(rows.map((row) => [row.name, row.value.replaceAll('"', "")]));
      expect(seen((await connection.query(statement)).rows)).toEqual(ours);
      expect(seen((await connection.query(`${statement} where name <> $1`, ["none"])).rows)).toEqual(ours);
      const results = (await connection.script(`select 1; ${statement}`)) as readonly pg.QueryResult[];
      expect(seen(results[1]?.rows ?? [])).toEqual(ours);
      connection.release();
      await pool.end();
    });

    it("do not break the last-row rule: a transaction that waited for a lock sees what was committed meanwhile", async () => {
      const database = fresh.database;
      await database.transact(everyTenant, (tx) => sql`insert into owners values ('one'), ('other') on conflict do nothing`.execute(tx));
      const remove = async (which: string) =>
        database.transact(everyTenant, async (tx) => {
          const { rows } = await sql`select name from owners for update`.execute(tx);
          if (rows.length > 1) await sql`delete from owners where name = ${which}`.execute(tx);
          return rows.length > 1;
        });
      for (let round = 0; round < 20; round += 1) {
        const removed = await Promise.all([remove("one"), remove("other")]);
        expect(removed.filter(Boolean)).toHaveLength(1);
        await database.transact(everyTenant, (tx) => sql`insert into owners values ('one'), ('other') on conflict do nothing`.execute(tx));
      }
    });

    it("do not prevent the job queue from installing itself and working", async () => {
      const jobs = await pgBossJobs(fresh.database, ["settings"], silent, { url: fresh.url, works: true });
      const done = Promise.withResolvers<object>();
      await jobs.work({ name: "settings", handle: async (payload) => done.resolve(payload) });
      await fresh.database.transact(everyTenant, (tx) => jobs.enqueue(tx, { name: "settings" }, { n: 1 }));
      expect(await done.promise).toEqual({ n: 1 });
      await jobs.close();
    }, 60_000);

    it("are unchanged on the connection afterwards, except for the limit of idle transactions", async () => {
      const pool = new pg.Pool({ connectionString: fresh.url as string, max: 1 });
      // `end` does not wait for the server: dropping the database may still terminate the connection.
      pool.on("error", () => {});
      const rules = { schema: "public", statementTimeoutMs: 5_000, idleInTransactionMs: 5_000 };
      const connection = await settledPool(pool, rules).connect();
      await connection.query("select 1");
      connection.release();
      const statement = `select name, current_setting(name) as value from unnest('{${Object.keys(foreignSettings).join(",")}}'::text[]) name`;
      const { rows } = await pool.query<{ name: string; value: string }>(statement);
      const standing = Object.fromEntries(rows.map(({ name, value }) => [name, value]));
      expect(standing).toMatchObject({ timezone: "Asia/Kathmandu", search_path: "elsewhere", statement_timeout: "500ms" });
      expect(standing["idle_in_transaction_session_timeout"]).toBe("5s");
      await pool.end();
    });
  });

  it("do not prevent a stricter isolation, whose failures are classified as transient", async () => {
    fresh = await freshPostgresql(steps);
    const { owner } = fresh.database;
    await sql`insert into owners values ('one')`.execute(owner);
    const strict = owner.transaction().setIsolationLevel("repeatable read");
    const failure = await strict
      .execute(async (tx) => {
        expect((await settings(tx))["transaction_isolation"]).toBe("repeatable read");
        await sql`update owners set name = 'two' where name = 'one'`.execute(owner);
        await sql`update owners set name = 'three'`.execute(tx);
      })
      .catch((error) => error);
    expect(isTransient(failure)).toBe(true);
    const held = await holdTransaction(fresh.database);
    expect(await held.run((tx) => settings(tx, ["transaction_isolation"]))).toEqual({ transaction_isolation: "read committed" });
    await held.rollback();
    await fresh.close();
  });
});

it("the begin statement sets the transaction timeout only if the server knows it, and leaves a stricter commit setting unchanged", () => {
  const rules = { schema: 'of "ours"', statementTimeoutMs: 1, idleInTransactionMs: 0 };
  const on = (version: number, synchronousCommit: string) => beginStatement(rules, { version, synchronousCommit });
  expect(on(160_004, "remote_apply")).not.toMatch(/transaction_timeout|synchronous_commit/);
  expect(on(170_000, "off")).toMatch(/transaction_timeout = '0'.*synchronous_commit = 'on'/);
  expect(on(150_000, "on")).toContain('search_path = "of ""ours"""');
});
