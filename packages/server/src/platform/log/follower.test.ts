import { randomBytes } from "node:crypto";
import { describeOnPostgresql, type Fresh, freshPglite, freshPostgresql, holdTransaction } from "@gatehouse/testing/databases.ts";
import { eventually } from "@gatehouse/testing/eventually.ts";
import { wireTo } from "@gatehouse/testing/proxy.ts";
import { silent } from "@gatehouse/testing/silent.ts";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Database, everyTenant } from "../database/database.ts";
import { openPostgresql } from "../database/postgresql.ts";
import { appendIn, appendTo, idsOf, newEvent } from "./conformance/events.ts";
import { followerConformance } from "./conformance/follower-conformance.ts";
import type { AwayRules } from "./database-away.ts";
import type { InvalidationMessage, LoggedEvent, NewEvent } from "./event.ts";
import { LogFollower, type RevokingEvents, revocationBoundMs } from "./follower.ts";
import { logSteps, revisionOf } from "./log.ts";

followerConformance("PGlite", () => freshPglite(logSteps));

// Several processes, open transactions and network failures need several connections, which embedded storage does not have.
describeOnPostgresql("a log follower on PostgreSQL", () => {
  followerConformance("PostgreSQL", () => freshPostgresql(logSteps));
  followerConformance("PostgreSQL, a plain login that owns the database", () => freshPostgresql(logSteps, "plain"));

  let fresh: Fresh;
  const toClose: (() => Promise<void>)[] = [];
  /** Each test has its own event type: events of other tests may still be above the horizon when a follower begins. */
  let type = "";
  beforeEach(() => {
    type = `thing.happened_${randomBytes(4).toString("hex")}.v1`;
  });
  const happened = (given: Partial<NewEvent> = {}) => newEvent({ type, ...given });
  beforeAll(async () => {
    fresh = await freshPostgresql(logSteps);
    return () => fresh.close();
  }, 60_000);
  afterEach(async () => {
    for (const close of toClose.splice(0).reverse()) await close();
  });

  const following = async (database: Database) => {
    const follower = new LogFollower(database, silent);
    const observed: LoggedEvent[] = [];
    follower.onEvent((event) => {
      if (event.type === type) observed.push(event);
    });
    await follower.start();
    toClose.push(() => follower.stop());
    return { follower, observed };
  };

  it("delivers an event once, without waiting for an older open transaction", async () => {
    const { follower, observed } = await following(fresh.database);
    const slow = await holdTransaction(fresh.database);
    const early = happened({ subject: "thing/slow" });
    const slowRevision = await slow.run(async (tx) => {
      await appendIn(tx, early);
      return revisionOf(tx);
    });
    const quick = happened({ subject: "thing/quick" });
    const quickRevision = await appendTo(fresh.another(1), [quick]);
    await eventually(() => idsOf(observed)).toEqual([quick.id]);
    expect(follower.hasSeen(quickRevision)).toBe(true);
    expect(follower.hasSeen(slowRevision)).toBe(false);
    expect(BigInt(follower.revision)).toBeLessThan(BigInt(slowRevision));

    await slow.commit();
    await eventually(() => idsOf(observed)).toEqual([quick.id, early.id]);
    await eventually(() => BigInt(follower.revision) >= BigInt(quickRevision)).toBe(true);
    expect(follower.hasSeen(slowRevision)).toBe(true);
    expect(idsOf(observed)).toEqual([quick.id, early.id]);
  });

  it("delivers every write to every process under concurrent writes", async () => {
    const processes = await Promise.all([1, 2, 3].map(() => following(fresh.another(2))));
    const writers = [1, 2, 3, 4].map(() => fresh.another(2));
    const written = (
      await Promise.all(
        writers.map(async (database, writer) => {
          const ids: string[] = [];
          for (let round = 0; round < 25; round += 1) {
            const event = happened({ subject: `thing/${writer}` });
            const revision = await appendTo(database, [event]);
            if (writer === 0) processes[0]?.follower.announce([event], revision, new Date());
            ids.push(event.id);
          }
          return ids;
        }),
      )
    ).flat();
    for (const { observed } of processes) await eventually(() => idsOf(observed).toSorted()).toEqual(written.toSorted());
  });

  it("loses the lease within half the revocation bound when the database freezes, and regains it when the database answers", async () => {
    const wire = await wireTo(fresh.url as string);
    toClose.push(() => wire.close());
    const database = openPostgresql({ url: wire.url, poolSize: 2 });
    toClose.push(() => database.close());
    const { follower, observed } = await following(database);
    await follower.catchUp();

    wire.hold();
    const event = happened();
    await appendTo(fresh.database, [event]);
    await eventually(() => {
      const age = follower.replicationLagMs;
      if (age >= revocationBoundMs / 2) expect(follower.fresh).toBe(false);
      return follower.fresh;
    }).toBe(false);
    expect(follower.replicationLagMs).toBeGreaterThanOrEqual(revocationBoundMs / 2);
    expect(observed).toEqual([]);

    wire.release();
    await eventually(() => follower.fresh).toBe(true);
    expect(idsOf(observed), "missed events are observed before caches are trusted again").toEqual([event.id]);
  });

  it("loses the lease during a database outage, and observes the missed events afterwards", async () => {
    const wire = await wireTo(fresh.url as string);
    toClose.push(() => wire.close());
    const database = openPostgresql({ url: wire.url, poolSize: 2 });
    toClose.push(() => database.close());
    const { follower, observed } = await following(database);

    await wire.cut();
    const events = [happened(), happened()];
    for (const event of events) await appendTo(fresh.database, [event]);
    await eventually(() => follower.fresh).toBe(false);
    await follower.catchUp();
    expect(follower.fresh).toBe(false);
    expect(observed).toEqual([]);

    await wire.mend();
    await eventually(() => follower.fresh).toBe(true);
    expect(idsOf(observed)).toEqual(idsOf(events));
  });

  describe("with peers", () => {
    const stored: InvalidationMessage[] = [];
    beforeEach(() => void stored.splice(0));
    /** In-memory reports of two processes, neither of which observes the database any more. */
    const away: AwayRules = {
      seconds: 60,
      refuses: async () => true,
      peers: {
        report: async (events) => void stored.push(...events),
        query: async () => ({ observed: false, events: stored }),
      },
    };
    const cutOff = async (revoking: RevokingEvents) => {
      const wire = await wireTo(fresh.url as string);
      toClose.push(() => wire.close());
      const database = openPostgresql({ url: wire.url, poolSize: 2 });
      toClose.push(() => database.close());
      const follower = new LogFollower(database, silent, away);
      const observed: LoggedEvent[] = [];
      follower.onEvent((event) => {
        if (event.type === type) observed.push(event);
      }, revoking);
      await follower.start();
      toClose.push(() => follower.stop());
      return { follower, observed, wire };
    };
    const sender = async (revoking: RevokingEvents) => {
      const follower = new LogFollower(fresh.database, silent, away);
      follower.onEvent(() => {}, revoking);
      await follower.start();
      toClose.push(() => follower.stop());
      return follower;
    };

    it("receives their revocations with only the data that its caches need, keeps its lease, and does not receive them again later", async () => {
      const revoking = { [type]: ["userId"] };
      const { follower, observed, wire } = await cutOff(revoking);
      const other = await sender(revoking);
      await wire.cut();
      const event = happened({ data: { userId: "1", email: "olga@example.com" } });
      const revision = await appendTo(fresh.database, [event]);
      other.announce([event], revision, new Date());
      await eventually(() => follower.withoutDatabase).toBe(true);
      expect(observed).toEqual([
        expect.objectContaining({ ...event, data: { userId: "1" }, position: { transaction: revision, sequence: "0" } }),
      ]);
      expect(JSON.stringify(stored)).not.toContain("olga");
      expect(follower.hasSeen(revision)).toBe(true);

      await wire.mend();
      await eventually(() => follower.replicationLagMs).toBeLessThan(revocationBoundMs / 2);
      await follower.catchUp();
      expect(idsOf(observed)).toEqual([event.id]);
    });

    it("sends them revoking events only", async () => {
      const other = await sender({ [type]: [] });
      const [revocation, harmless] = [happened(), newEvent({ type: `${type}.harmless` })];
      other.announce([harmless, revocation], await appendTo(fresh.database, [harmless, revocation]), new Date());
      await eventually(() => idsOf(stored)).toEqual([revocation.id]);
      await other.catchUp();
      expect(idsOf(stored)).toEqual([revocation.id]);
    });

    it("retries messages that could not be sent", async () => {
      const { peers } = away;
      let reachable = false;
      const unsteady: AwayRules = {
        ...away,
        peers: { ...peers, report: (events) => (reachable ? peers.report(events) : Promise.reject(new Error("away"))) },
      };
      const follower = new LogFollower(fresh.database, silent, unsteady);
      follower.onEvent(() => {}, { [type]: [] });
      await follower.start();
      toClose.push(() => follower.stop());
      const event = happened();
      follower.announce([event], await appendTo(fresh.database, [event]), new Date());
      await follower.catchUp();
      expect(stored).toEqual([]);
      reachable = true;
      await eventually(() => idsOf(stored)).toEqual([event.id]);
    });
  });

  it("does not start if the database does not answer", async () => {
    const database = openPostgresql({ url: "postgres://postgres@127.0.0.1:1/nowhere" });
    toClose.push(() => database.close());
    await expect(new LogFollower(database, silent).start()).rejects.toThrow("database is unavailable");
  });

  it("misses no event while transactions of all lengths overlap", async () => {
    const { observed } = await following(fresh.another(1));
    const expected: string[] = [];
    const open: Awaited<ReturnType<typeof holdTransaction>>[] = [];
    for (let round = 0; round < 30; round += 1) {
      const held = await holdTransaction(round % 2 === 0 ? fresh.database : fresh.another(1), everyTenant);
      const event = happened({ subject: `thing/${round}` });
      await held.run((tx) => appendIn(tx, event));
      open.push(held);
      // Of three, the oldest stays open the longest.
      const oldest = open.length > 3 ? open.splice(round % 3, 1)[0] : undefined;
      await oldest?.commit();
      expected.push(event.id);
    }
    for (const held of open) await held.commit();
    await eventually(() => idsOf(observed).toSorted()).toEqual(expected.toSorted());
  });
});
