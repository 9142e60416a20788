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

const steps: readonly SchemaStep[] = [
  {
    name: "0001_contract_counters",
    why: "rows that transactions lock",
    async up(db) {
      await sql`create table counters (name text primary key, count integer not null default 0)`.execute(db);
      await sql`insert into counters (name) values ('left'), ('right')`.execute(db);
      await sharedTable(db, "counters");
    },
  },
];

const add = (name: string) => sql`update counters set count = count + 1 where name = ${name}`;

// Networks that break and locks that wait exist on a real server only.
describeOnPostgresql("a PostgreSQL that goes away and comes back", () => {
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

  it("tells of calls that wait for a connection only where none lies ready", async () => {
    const database = open(fresh.url as string);
    const slow = () => database.owner.connection().execute((db) => sql`select pg_sleep(0.3)`.execute(db));
    const waiting = (): number => database.connections().find(({ pool }) => pool === "owner")?.waiting ?? -1;
    const [first, second] = [slow(), slow()];
    await Promise.all([first, second]);
    const { idle, max } = database.connections().find(({ pool }) => pool === "owner") ?? { idle: 0, max: 0 };
    const calls = Array.from({ length: idle }, slow);
    // A scrape of the metrics asks the database in the same turn of the event loop in which it reads the pool.
    for (let step = 0; step < 100; step += 1) {
      await Promise.resolve();
      expect(waiting()).toBe(0);
    }
    const late = Array.from({ length: max }, slow);
    await eventually(waiting).toBe(max);
    await Promise.all([...calls, ...late]);
    expect(waiting()).toBe(0);
  });

  it("is unavailable, for every kind of call, where nothing listens; the cause stays inside", async () => {
    const database = open("postgres://postgres@127.0.0.1:1/nowhere");
    for (const call of [database.ping(), database.read(everyTenant, async () => {}), database.transact(everyTenant, async () => {})]) {
      const error = await call.catch((reason) => reason);
      expect(error).toBeInstanceOf(Unavailable);
      expect(error.message).toBe("database is unavailable");
      expect(error.cause).toBeInstanceOf(Error);
    }
  });

  it("answers again, without being opened anew, once a server that was away at the first call is there", async () => {
    const line = await wire();
    await line.cut();
    const database = open(line.url);
    await expect(database.read(everyTenant, async () => {})).rejects.toBeInstanceOf(Unavailable);
    await line.mend();
    await expect(database.read(everyTenant, async () => "here")).resolves.toBe("here");
  });

  it("rolls back and is unavailable when the connection breaks between two statements; the process and the next call live on", async () => {
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

  it("is unavailable when the connection breaks under a statement that runs", async () => {
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
    // The server notices a dead client at its next answer; this one sleeps for long.
    await sql`select pg_terminate_backend(${pid})`.execute(fresh.database.owner);
  });

  it("is unavailable when the server ends the connection, as it does at a shutdown", async () => {
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

  it("replaces connections that broke while they were idle, and tells of them", async () => {
    const line = await wire();
    const told: Error[] = [];
    const database = open(line.url, { onIdleError: (error) => told.push(error) });
    await Promise.all([database.ping(), database.ping()]);
    await line.cut();
    await eventually(() => told.length).toBeGreaterThan(0);
    await line.mend();
    await expect(Promise.all([database.ping(), database.ping(), database.ping()])).resolves.toHaveLength(3);
  });

  it("gives up on a server that is frozen, hands the connection to nobody else, and answers when it thaws", async () => {
    const line = await wire();
    const database = open(line.url, { poolSize: 1, statementTimeoutMs: 100 });
    await database.ping();
    line.hold();
    // The client's own limit: the statement's, and two seconds for an answer that is on its way.
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

  it("is unavailable to a call that finds no free connection in time", async () => {
    const database = open(fresh.url as string, { poolSize: 1 });
    await database.ping();
    const held = await holdTransaction(database);
    await expect(database.ping()).rejects.toBeInstanceOf(Unavailable);
    await held.commit();
    await expect(database.ping()).resolves.toBeUndefined();
  });

  it("is unavailable after it was closed, and closing waits for what runs", async () => {
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

  it("ends a statement of the application that takes too long, and does not hurry the owner's", async () => {
    const database = open(fresh.url as string, { statementTimeoutMs: 50 });
    await expect(database.transact(everyTenant, (tx) => sql`select pg_sleep(5)`.execute(tx))).rejects.toMatchObject({ code: "57014" });
    const { rows } = await sql<{ limit: string }>`select current_setting('statement_timeout') as limit`.execute(database.owner);
    expect(rows).toEqual([{ limit: "0" }]);
  });

  it("says of a COMMIT that had no answer that nobody knows, and of nothing else", async () => {
    const line = await wire();
    const database = open(line.url, { statementTimeoutMs: 100 });
    const before = (await counts())["left"] ?? 0;
    const held = await holdTransaction(database);
    await held.run((tx) => add("left").execute(tx));
    line.hold();
    await expect(held.commit()).rejects.toBeInstanceOf(OutcomeUnknown);
    line.release();
    // It came to the server before the connection ended: that is why nobody may call it undone.
    await eventually(async () => (await counts())["left"]).toBe(before + 1);
    const other = await holdTransaction(database);
    line.hold();
    const error = await other.run((tx) => add("left").execute(tx)).catch((reason) => reason);
    expect(error).not.toBeInstanceOf(OutcomeUnknown);
    line.release();
    await other.rollback().catch(() => {});
    expect((await counts())["left"]).toBe(before + 1);
  }, 20_000);

  it("tells a deadlock from other failures: the same work may pass when it is begun anew", async () => {
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

  it("reads and writes on the primary, also where there is a replica, which is asked only by who knows what it lacks", async () => {
    // A second database stands in for the replica: what is read tells which of the two was asked.
    const replica = await freshPostgresql(steps);
    toClose.push(replica);
    const database = openPostgresql({ url: fresh.url as string, readUrl: replica.url, poolSize: 1 });
    toClose.push(database);
    const name = "select current_database() as name";
    const { rows: read } = await database.read(everyTenant, (db) => sql<{ name: string }>`${sql.raw(name)}`.execute(db as never));
    const { rows: written } = await database.transact(everyTenant, (tx) => sql<{ name: string }>`${sql.raw(name)}`.execute(tx));
    expect(database.replica).toBeDefined();
    expect(fresh.database.replica).toBeUndefined();
    expect(read[0]?.name).toBe(new URL(fresh.url as string).pathname.slice(1));
    expect(written[0]?.name).toBe(new URL(fresh.url as string).pathname.slice(1));
  });
});
