import { describeOnPostgresql, type Fresh, freshPostgresql, holdTransaction } from "@gatehouse/testing/databases.ts";
import { eventually } from "@gatehouse/testing/eventually.ts";
import { type Wire, wireTo } from "@gatehouse/testing/proxy.ts";
import { sql } from "kysely";
import { afterEach, beforeAll, expect, it } from "vitest";
import { OutcomeUnknown } from "../unavailable.ts";
import { type Database, everyTenant } from "./database.ts";
import { isTransient, Unavailable } from "./driver-errors.ts";
import { type SchemaStep, sharedTable } from "./migrations.ts";
import { openPostgresql } from "./postgresql.ts";
import { rowsOf } from "./rows.ts";

const steps: readonly SchemaStep[] = [
  {
    name: "0001_contract_counters",
    why: "rows for locks",
    async up(db) {
      await sql`create table counters (name text primary key, count integer not null default 0)`.execute(db);
      await sql`insert into counters (name) values ('left'), ('right')`.execute(db);
      await sharedTable(db, "counters");
    },
  },
];

const add = (name: string) => sql`update counters set count = count + 1 where name = ${name}`;

// Only a real server has network failures and lock waits.
describeOnPostgresql("an adapter for a PostgreSQL that is temporarily unavailable", () => {
  let fresh: Fresh;
  const toClose: { close(): Promise<void> }[] = [];

  beforeAll(async () => {
    fresh = await freshPostgresql(steps);
    return () => fresh.close();
  }, 60_000);
  afterEach(async () => {
    for (const each of toClose.splice(0).reverse()) await each.close();
  });

  const wire = async (): Promise<Wire> => {
    const made = await wireTo(fresh.url as string);
    toClose.push(made);
    return made;
  };
  const open = (
    url: string,
    options: { readonly poolSize?: number; readonly statementTimeoutMs?: number; readonly onIdleError?: (error: Error) => void } = {},
  ): Database => {
    const database = openPostgresql({ url, poolSize: 2, ...options });
    toClose.push(database);
    return database;
  };
  const counts = async (): Promise<Record<string, number>> => {
    const { rows } = await sql<{ name: string; count: number }>`select name, count from counters`.execute(fresh.database.owner);
    return Object.fromEntries(rows.map((row) => [row.name, row.count]));
  };

  it("counts calls as waiting only if no connection is idle", async () => {
    const database = open(fresh.url as string);
    const slow = () => database.owner.connection().execute((db) => sql`select pg_sleep(0.3)`.execute(db));
    const waiting = (): number => database.connections().find(({ pool }) => pool === "owner")?.waiting ?? -1;
    const [first, second] = [slow(), slow()];
    await Promise.all([first, second]);
    const { idle, max } = database.connections().find(({ pool }) => pool === "owner") ?? { idle: 0, max: 0 };
    const calls = Array.from({ length: idle }, slow);
    // A metrics scrape queries the database in the same event-loop turn in which it reads the pool.
    for (let step = 0; step < 100; step += 1) {
      await Promise.resolve();
      expect(waiting()).toBe(0);
    }
    const late = Array.from({ length: max }, slow);
    await eventually(waiting).toBe(max);
    await Promise.all([...calls, ...late]);
    expect(waiting()).toBe(0);
  });

  it("rejects every kind of call with Unavailable if no server listens, without the cause in the message", async () => {
    const database = open("postgres://postgres@127.0.0.1:1/nowhere");
    for (const call of [database.ping(), database.read(everyTenant, async () => {}), database.transact(everyTenant, async () => {})]) {
      const error = await call.catch((reason) => reason);
      expect(error).toBeInstanceOf(Unavailable);
      expect(error.message).toBe("database is unavailable");
      expect(error.cause).toBeInstanceOf(Error);
    }
  });

  it("works without being reopened once a server becomes available that was not at the first call", async () => {
    const line = await wire();
    await line.cut();
    const database = open(line.url);
    await expect(database.read(everyTenant, async () => {})).rejects.toBeInstanceOf(Unavailable);
    await line.mend();
    await expect(database.read(everyTenant, async () => "here")).resolves.toBe("here");
  });

  it("rolls back and throws Unavailable when the connection breaks between two statements; the next call works", async () => {
    const line = await wire();
    const database = open(line.url);
    const before = await counts();
    const held = await holdTransaction(database);
    await held.run((tx) => add("left").execute(tx));
    await line.cut();
    await expect(held.run((tx) => add("right").execute(tx))).rejects.toThrow();
    await expect(held.commit()).rejects.toBeInstanceOf(Unavailable);
    await line.mend();
    await expect(database.ping()).resolves.toBeUndefined();
    expect(await counts()).toEqual(before);
  });

  it("throws Unavailable when the connection breaks during a statement", async () => {
    const line = await wire();
    const database = open(line.url);
    const held = await holdTransaction(database);
    const { pid } = await held.run(
      async (tx) => (await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(tx)).rows[0] as { pid: number },
    );
    const statement = held.run((tx) => sql`select pg_sleep(30)`.execute(tx));
    statement.catch(() => {});
    await eventually(
      async () =>
        (await sql<{ state: string }>`select state from pg_stat_activity where pid = ${pid}`.execute(fresh.database.owner)).rows[0]?.state,
    ).toBe("active");
    await line.cut();
    await expect(statement).rejects.toThrow();
    await expect(held.commit()).rejects.toBeInstanceOf(Unavailable);
    // The server detects a dead client at its next answer, and this statement sleeps for long.
    await sql`select pg_terminate_backend(${pid})`.execute(fresh.database.owner);
  });

  it("throws Unavailable when the server ends the connection, as at a shutdown", async () => {
    const database = open(fresh.url as string);
    const held = await holdTransaction(database);
    const { pid } = await held.run(
      async (tx) => (await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(tx)).rows[0] as { pid: number },
    );
    await sql`select pg_terminate_backend(${pid})`.execute(fresh.database.owner);
    await expect(held.run((tx) => add("left").execute(tx))).rejects.toThrow();
    await expect(held.commit()).rejects.toBeInstanceOf(Unavailable);
    await expect(database.ping()).resolves.toBeUndefined();
  });

  it("replaces connections that broke while idle, and reports them", async () => {
    const line = await wire();
    const reported: Error[] = [];
    const database = open(line.url, { onIdleError: (error) => reported.push(error) });
    await Promise.all([database.ping(), database.ping()]);
    await line.cut();
    await eventually(() => reported.length).toBeGreaterThan(0);
    await line.mend();
    await expect(Promise.all([database.ping(), database.ping(), database.ping()])).resolves.toHaveLength(3);
  });

  it("times out on a frozen server, does not reuse the connection, and works again afterwards", async () => {
    const line = await wire();
    const database = open(line.url, { poolSize: 1, statementTimeoutMs: 100 });
    await database.ping();
    line.hold();
    // The client's own limit: the statement's time limit and two seconds.
    await expect(database.read(everyTenant, async () => {})).rejects.toBeInstanceOf(Unavailable);
    line.release();
    await eventually(() =>
      database.ping().then(
        () => "answers",
        () => "away",
      ),
    ).toBe("answers");
    await expect(database.read(everyTenant, async () => "right")).resolves.toBe("right");
  }, 20_000);

  it("throws Unavailable if no connection is free in time", async () => {
    const database = open(fresh.url as string, { poolSize: 1 });
    await database.ping();
    const held = await holdTransaction(database);
    await expect(database.ping()).rejects.toBeInstanceOf(Unavailable);
    await held.commit();
    await expect(database.ping()).resolves.toBeUndefined();
  });

  it("throws Unavailable after it was closed, and closing waits for running calls", async () => {
    const database = openPostgresql({ url: fresh.url as string, poolSize: 1 });
    const before = await counts();
    const held = await holdTransaction(database);
    await held.run((tx) => add("left").execute(tx));
    const closed = database.close();
    await held.commit();
    await closed;
    await expect(database.ping()).rejects.toBeInstanceOf(Unavailable);
    expect((await counts())["left"]).toBe((before["left"] ?? 0) + 1);
  });

  it("cancels slow statements of the application, and not the owner's", async () => {
    const database = open(fresh.url as string, { statementTimeoutMs: 50 });
    await expect(database.transact(everyTenant, (tx) => sql`select pg_sleep(5)`.execute(tx))).rejects.toMatchObject({ code: "57014" });
    const { rows } = await sql<{ limit: string }>`select current_setting('statement_timeout') as limit`.execute(database.owner);
    expect(rows).toEqual([{ limit: "0" }]);
  });

  it("throws OutcomeUnknown only for a COMMIT without an answer", async () => {
    const line = await wire();
    const database = open(line.url, { statementTimeoutMs: 100 });
    const before = (await counts())["left"] ?? 0;
    const held = await holdTransaction(database);
    await held.run((tx) => add("left").execute(tx));
    line.hold();
    await expect(held.commit()).rejects.toBeInstanceOf(OutcomeUnknown);
    line.release();
    // It reached the server before the connection ended, so it may have been committed.
    await eventually(async () => (await counts())["left"]).toBe(before + 1);
    const other = await holdTransaction(database);
    line.hold();
    const error = await other.run((tx) => add("left").execute(tx)).catch((reason) => reason);
    expect(error).not.toBeInstanceOf(OutcomeUnknown);
    line.release();
    await other.rollback().catch(() => {});
    expect((await counts())["left"]).toBe(before + 1);
  }, 20_000);

  it("classifies a deadlock as transient, because a retry may succeed", async () => {
    const database = open(fresh.url as string);
    const [one, other] = [await holdTransaction(database), await holdTransaction(database)];
    await one.run((tx) => add("left").execute(tx));
    await other.run((tx) => add("right").execute(tx));
    const crossed = [one.run((tx) => add("right").execute(tx)), other.run((tx) => add("left").execute(tx))];
    const failures = (await Promise.allSettled(crossed)).filter((result) => result.status === "rejected");
    await Promise.all([one.rollback(), other.rollback()]);
    expect(failures).toHaveLength(1);
    expect(isTransient((failures[0] as PromiseRejectedResult).reason)).toBe(true);
    expect(isTransient(new Error("anything else"))).toBe(false);
  });

  it("reads and writes on the primary, and uses a replica only in calls that state what it must have replayed", async () => {
    // A second database acts as the replica, so that results show which of the two was used.
    const replica = await freshPostgresql(steps);
    toClose.push(replica);
    const database = openPostgresql({ url: fresh.url as string, readUrl: replica.url, poolSize: 1 });
    toClose.push(database);
    const name = "select current_database() as name";
    const read = await database.read(everyTenant, (db) => rowsOf(db, sql<{ name: string }>`${sql.raw(name)}`));
    const { rows: written } = await database.transact(everyTenant, (tx) => sql<{ name: string }>`${sql.raw(name)}`.execute(tx));
    expect(database.replica).toBeDefined();
    expect(fresh.database.replica).toBeUndefined();
    expect(read[0]?.name).toBe(new URL(fresh.url as string).pathname.slice(1));
    expect(written[0]?.name).toBe(new URL(fresh.url as string).pathname.slice(1));
  });
});
