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

const port = async (db: ReadHandle): Promise<number> => {
  const { rows } = await sql<{ port: number }>`select inet_server_port() as port`.execute(db as never);
  return (rows[0] as { port: number }).port;
};
const has = async (db: ReadHandle, id: string): Promise<boolean> =>
  (await sql`select from events where id = ${id}`.execute(db as never)).rows.length === 1;

class NotFound extends Error {}

// Replication is between two servers, so the embedded database has none.
describeOnPostgresql("reads that a replica may answer", () => {
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
  /** Past the port, whose transactions may write: a standby refuses them. */
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

  it("are answered by a replica that keeps up", async () => {
    await eventually(() => read(everyTenant, port)).toBe(standby.port);
    expect((await outcomes())["answered"]).toBeGreaterThan(0);
  });

  it("find what this process has written, also where the replica has not replayed it", async () => {
    await paused(async () => {
      const event = newEvent({});
      follower.announce([event], await appendTo(database, [event]), new Date());
      expect(await read(everyTenant, (db) => has(db, event.id))).toBe(true);
      expect(await read(everyTenant, port)).toBe(primary.port);
    });
    await eventually(() => read(everyTenant, port)).toBe(standby.port);
  });

  it("find what another process has just written: what is not found on the replica is asked of the primary", async () => {
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

  it("are never older than the revocation bound, and are the replica's again once it has replayed", async () => {
    await paused(async () => {
      const event = newEvent({});
      await appendTo(database, [event]);
      await eventually(() => read(everyTenant, (db) => has(db, event.id))).toBe(true);
      await expect(database.replica?.ping(follower.replicaBound)).rejects.toThrow("lacks transactions");
    });
    await eventually(() => read(everyTenant, port)).toBe(standby.port);
    await eventually(() => database.replica?.ping(follower.replicaBound).then(() => "answers", String)).toBe("answers");
  });

  it("are the primary's while the replica is cut off, and the replica is asked seldom then", async () => {
    await wire.cut();
    const before = (await outcomes())["unavailable"] ?? 0;
    for (let round = 0; round < 5; round += 1) expect(await read(everyTenant, port)).toBe(primary.port);
    expect((await outcomes())["unavailable"]).toBe(before + 5);
    expect((await metrics.circuitOpen.get()).values.find(({ labels }) => labels.dependency === "postgresql.replica")?.value).toBe(1);
    await wire.mend();
    await expect.poll(() => read(everyTenant, port), { timeout: 20_000 }).toBe(standby.port);
  });

  it("are the primary's within a second while the replica is frozen", async () => {
    await eventually(() => read(everyTenant, port)).toBe(standby.port);
    wire.hold();
    const stopwatch = startStopwatch();
    expect(await read(everyTenant, port)).toBe(primary.port);
    expect(stopwatch.idleMs()).toBeLessThan(1_500);
    wire.release();
    await expect.poll(() => read(everyTenant, port), { timeout: 20_000 }).toBe(standby.port);
  });

  it("do not repeat on the primary a statement that was too slow for the replica", async () => {
    const impatient = openPostgresql({ url: primary.url, readUrl: standby.url, poolSize: 1, statementTimeoutMs: 300 });
    const asked: number[] = [];
    const slow = readsOf(impatient)(everyTenant, async (db) => {
      asked.push(await port(db));
      await sql`select pg_sleep(5)`.execute(db as never);
    });
    await expect(slow).rejects.toThrow("statement timeout");
    expect(asked).toEqual([standby.port]);
    await impatient.close();
  });

  describe("from a server that is no replica of the database", () => {
    it("are the primary's", async () => {
      const nonMember = await startPostgresql();
      // Its horizon lies far beyond: nothing but the lineage tells the two apart.
      const elsewhere = openPostgresql({ url: nonMember.url, poolSize: 1 });
      await createApplicationRole(elsewhere.owner);
      await spendTransactions(nonMember.url, 3_000);
      const wrong = openPostgresql({ url: primary.url, readUrl: nonMember.url, poolSize: 1 });
      await follower.catchUp();
      expect(await readsOf(wrong)(everyTenant, port)).toBe(primary.port);
      await expect(wrong.replica?.ping(follower.replicaBound)).rejects.toThrow("no replica of this database");
      await wrong.close();
      await elsewhere.close();
      await nonMember.close();
    }, 60_000);
  });
});
