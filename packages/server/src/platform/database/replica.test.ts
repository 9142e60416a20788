import { asAdministrator, describeOnPostgresql, spendTransactions } from "@gatehouse/testing/databases.ts";
import { eventually } from "@gatehouse/testing/eventually.ts";
import { type OwnPostgresql, type OwnStandby, postgresqlPrograms, startPostgresql } from "@gatehouse/testing/own-postgresql.ts";
import { type Wire, wireTo } from "@gatehouse/testing/proxy.ts";
import { silent } from "@gatehouse/testing/silent.ts";
import { startStopwatch } from "@gatehouse/testing/stopwatch.ts";
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { appendTo, newEvent } from "../log/conformance/events.ts";
import { LogFollower } from "../log/follower.ts";
import { logSteps } from "../log/log.ts";
import { createResilience } from "../resilience/resilience.ts";
import { createMetrics, type Metrics } from "../telemetry/metrics.ts";
import { type Database, everyTenant, type ReadHandle } from "./database.ts";
import { createApplicationRole, migrate } from "./migrations.ts";
import { openPostgresql } from "./postgresql.ts";
import { type ReplicaReads, replicaReads } from "./replica-reads.ts";
import { rowsOf } from "./rows.ts";

const port = async (db: ReadHandle): Promise<number> => {
  const rows = await rowsOf(db, sql<{ port: number }>`select inet_server_port() as port`);
  return (rows[0] as { port: number }).port;
};
const has = async (db: ReadHandle, id: string): Promise<boolean> =>
  (await rowsOf(db, sql`select from events where id = ${id}`)).length === 1;

class NotFound extends Error {}

// Replication needs two servers, so the embedded database has none.
describeOnPostgresql("reads with a replica", () => {
  if (postgresqlPrograms() === undefined) return it.skip("no PostgreSQL is installed here that a test could start", () => {});
  let primary: OwnPostgresql;
  let standby: OwnStandby;
  let wire: Wire;
  let database: Database;
  let follower: LogFollower;
  let metrics: Metrics;
  let read: ReplicaReads;

  const readsOf = (given: Database): ReplicaReads =>
    replicaReads({ database: given, need: () => follower.replicaNeed, resilience: createResilience(metrics), metrics });
  const outcomes = async (): Promise<Readonly<Record<string, number>>> =>
    Object.fromEntries((await metrics.replicaReads.get()).values.map(({ labels, value }) => [labels.outcome, value]));
  /** Bypasses the port, because a standby rejects its read-write transactions. */
  const onStandby = async (statement: string) => (await asAdministrator((client) => client.query(statement), standby.url)).rows[0];
  const paused = async <T>(work: () => Promise<T>): Promise<T> => {
    await onStandby("select pg_wal_replay_pause()");
    await eventually(async () => (await onStandby("select pg_get_wal_replay_pause_state() as state")).state).toBe("paused");
    try {
      return await work();
    } finally {
      await onStandby("select pg_wal_replay_resume()");
    }
  };

  beforeAll(async () => {
    primary = await startPostgresql();
    standby = await primary.standby();
    wire = await wireTo(standby.url);
    database = openPostgresql({ url: primary.url, readUrl: wire.url, poolSize: 4 });
    await createApplicationRole(database.owner);
    await migrate(database.owner, logSteps);
    await primary.replayedBy(standby);
    follower = new LogFollower(database, silent);
    await follower.start();
    metrics = createMetrics();
    read = readsOf(database);
  }, 120_000);
  afterAll(async () => {
    await follower?.stop();
    await database?.close();
    await wire?.close();
    await standby?.close();
    await primary?.close();
  }, 60_000);

  it("are answered by a replica without lag", async () => {
    await eventually(() => read(everyTenant, port)).toBe(standby.port);
    expect((await outcomes())["answered"]).toBeGreaterThan(0);
  });

  it("find this process's own writes even if the replica has not replayed them", async () => {
    await paused(async () => {
      const event = newEvent({});
      follower.announce([event], await appendTo(database, [event]), new Date());
      expect(await read(everyTenant, (db) => has(db, event.id))).toBe(true);
      expect(await read(everyTenant, port)).toBe(primary.port);
    });
    await eventually(() => read(everyTenant, port)).toBe(standby.port);
  });

  it("find another process's recent write, because a miss on the replica is repeated on the primary", async () => {
    await eventually(() => read(everyTenant, port)).toBe(standby.port);
    await paused(async () => {
      const event = newEvent({});
      await appendTo(database, [event]);
      const found = read(everyTenant, async (db) => {
        if (!(await has(db, event.id))) throw new NotFound();
        return port(db);
      });
      expect(await found).toBe(primary.port);
      await expect(
        read(everyTenant, async () => {
          throw new NotFound();
        }),
      ).rejects.toThrow(NotFound);
    });
  });

  it("are never older than the revocation bound, and use the replica again once it has replayed", async () => {
    await paused(async () => {
      const event = newEvent({});
      await appendTo(database, [event]);
      await eventually(() => read(everyTenant, (db) => has(db, event.id))).toBe(true);
      await expect(database.replica?.ping(follower.replicaBound)).rejects.toThrow("lacks transactions");
    });
    await eventually(() => read(everyTenant, port)).toBe(standby.port);
    await eventually(() => database.replica?.ping(follower.replicaBound).then(() => "answers", String)).toBe("answers");
  });

  it("use the primary while the replica is disconnected, and try the replica rarely", async () => {
    await wire.cut();
    const before = (await outcomes())["unavailable"] ?? 0;
    for (let round = 0; round < 5; round += 1) expect(await read(everyTenant, port)).toBe(primary.port);
    expect((await outcomes())["unavailable"]).toBe(before + 5);
    expect((await metrics.circuitOpen.get()).values.find(({ labels }) => labels.dependency === "postgresql.replica")?.value).toBe(1);
    await wire.mend();
    await expect.poll(() => read(everyTenant, port), { timeout: 20_000 }).toBe(standby.port);
  });

  it("use the primary within a second while the replica is frozen", async () => {
    await eventually(() => read(everyTenant, port)).toBe(standby.port);
    wire.hold();
    const stopwatch = startStopwatch();
    expect(await read(everyTenant, port)).toBe(primary.port);
    expect(stopwatch.idleMs()).toBeLessThan(1_500);
    wire.release();
    await expect.poll(() => read(everyTenant, port), { timeout: 20_000 }).toBe(standby.port);
  });

  it("are not repeated on the primary if they were too slow for the replica", async () => {
    const impatient = openPostgresql({ url: primary.url, readUrl: standby.url, poolSize: 1, statementTimeoutMs: 300 });
    const ports: number[] = [];
    const slow = readsOf(impatient)(everyTenant, async (db) => {
      ports.push(await port(db));
      await rowsOf(db, sql`select pg_sleep(5)`);
    });
    await expect(slow).rejects.toThrow("statement timeout");
    expect(ports).toEqual([standby.port]);
    await impatient.close();
  });

  describe("with a server that is not a replica of the database", () => {
    it("use the primary", async () => {
      const nonMember = await startPostgresql();
      // Its horizon is far ahead, so only the lineage distinguishes the two.
      const elsewhere = openPostgresql({ url: nonMember.url, poolSize: 1 });
      await createApplicationRole(elsewhere.owner);
      await spendTransactions(nonMember.url, 3_000);
      const wrong = openPostgresql({ url: primary.url, readUrl: nonMember.url, poolSize: 1 });
      await follower.catchUp();
      expect(await readsOf(wrong)(everyTenant, port)).toBe(primary.port);
      await expect(wrong.replica?.ping(follower.replicaBound)).rejects.toThrow("not a replica of this database");
      await wrong.close();
      await elsewhere.close();
      await nonMember.close();
    }, 60_000);
  });
});
