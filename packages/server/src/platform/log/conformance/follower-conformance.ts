import { randomBytes } from "node:crypto";
import type { Fresh } from "@gatehouse/testing/databases.ts";
import { eventually } from "@gatehouse/testing/eventually.ts";
import { silent } from "@gatehouse/testing/silent.ts";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Database } from "../../database/database.ts";
import type { LoggedEvent, NewEvent } from "../event.ts";
import { LogFollower } from "../follower.ts";
import { appendTo, idsOf, newEvent } from "./events.ts";

/** What a process's caches may rely on; `make` returns a database with the log's schema. */
export function followerConformance(name: string, make: () => Promise<Fresh>): void {
  describe(`log follower: ${name}`, () => {
    let fresh: Fresh;
    let database: Database;
    const running: LogFollower[] = [];
    /** Each test has its own event type: events of other tests may still be above the horizon when a follower begins. */
    let type = "";
    beforeAll(async () => {
      fresh = await make();
      database = fresh.database;
    }, 60_000);
    beforeEach(() => {
      type = `thing.happened_${randomBytes(4).toString("hex")}.v1`;
    });
    afterEach(async () => {
      for (const follower of running.splice(0)) await follower.stop();
    });
    afterAll(() => fresh?.close());

    const following = async (): Promise<{ readonly follower: LogFollower; readonly observed: LoggedEvent[] }> => {
      const follower = new LogFollower(database, silent);
      const observed: LoggedEvent[] = [];
      follower.onEvent((event) => {
        if (event.type === type) observed.push(event);
      });
      await follower.start();
      running.push(follower);
      return { follower, observed };
    };

    const happened = (given: Partial<NewEvent> = {}) => newEvent({ type, ...given });

    it("delivers events of any process without a call", async () => {
      const { observed } = await following();
      const event = happened({ organizationId: "0198a000-0000-7000-8000-0000000000aa", data: { what: "said" } });
      const revision = await appendTo(database, [event]);
      await eventually(() => observed).toEqual([expect.objectContaining(event)]);
      expect(observed[0]?.position.transaction).toBe(revision);
    });

    it("has delivered everything that was visible at the call when a catch-up resolves", async () => {
      const { follower, observed } = await following();
      for (let round = 0; round < 5; round += 1) {
        const event = happened();
        await appendTo(database, [event]);
        await follower.catchUp();
        expect(idsOf(observed)).toContain(event.id);
      }
    });

    it("delivers each event once, however often the log is read", async () => {
      const { follower, observed } = await following();
      const events = [happened(), happened({ subject: "thing/2" }), happened()];
      for (const event of events) await appendTo(database, [event]);
      for (let round = 0; round < 5; round += 1) await follower.catchUp();
      expect(idsOf(observed)).toEqual(idsOf(events));
    });

    it("delivers announced events at once, and not again when they are read", async () => {
      const { follower, observed } = await following();
      const event = happened();
      const occurredAt = new Date();
      const revision = await appendTo(database, [event]);
      follower.announce([event], revision, occurredAt);
      expect(observed).toEqual([expect.objectContaining({ ...event, occurredAt })]);
      for (let round = 0; round < 3; round += 1) await follower.catchUp();
      expect(idsOf(observed)).toEqual([event.id]);
    });

    it("delivers events once if they are announced after they were read", async () => {
      const { follower, observed } = await following();
      const event = happened();
      const revision = await appendTo(database, [event]);
      await eventually(async () => {
        await follower.catchUp();
        return follower.hasSeen(revision);
      }).toBe(true);
      follower.announce([event], revision, new Date());
      await follower.catchUp();
      expect(idsOf(observed)).toEqual([event.id]);
    });

    it("does not deliver events from before its start, when caches are empty", async () => {
      await appendTo(database, [happened()]);
      // No transaction holds the horizon back once a follower has seen past that write.
      const first = await following();
      const marker = await appendTo(database, [happened()]);
      await eventually(async () => first.follower.catchUp().then(() => BigInt(first.follower.revision) >= BigInt(marker))).toBe(true);
      const second = await following();
      await second.follower.catchUp();
      expect(second.observed).toEqual([]);
    });

    it("knows which writes have been delivered to its caches", async () => {
      const { follower, observed } = await following();
      const event = happened();
      const revision = await appendTo(database, [event]);
      expect(follower.hasSeen(revision)).toBe(idsOf(observed).includes(event.id));
      await follower.catchUp();
      expect(follower.hasSeen(revision)).toBe(true);
      expect(follower.hasSeen(String(BigInt(revision) + 1_000_000n))).toBe(false);
    });

    it("counts a write of this process as seen once it is announced", async () => {
      const { follower } = await following();
      const event = happened();
      const revision = await appendTo(database, [event]);
      follower.announce([event], revision, new Date());
      expect(follower.hasSeen(revision)).toBe(true);
    });

    it("counts a write without events as seen after a read", async () => {
      const { follower } = await following();
      const revision = await appendTo(database, []);
      await eventually(async () => follower.catchUp().then(() => follower.hasSeen(revision))).toBe(true);
    });

    it("notifies every listener even if one of them fails", async () => {
      const follower = new LogFollower(database, silent);
      running.push(follower);
      const observed: string[] = [];
      follower.onEvent(() => {
        throw new Error("a cache failed to invalidate");
      });
      follower.onEvent((event) => {
        if (event.type === type) observed.push(event.id);
      });
      await follower.start();
      const [announced, read] = [happened(), happened()];
      follower.announce([announced], await appendTo(database, [announced]), new Date());
      await appendTo(database, [read]);
      await follower.catchUp();
      expect(observed).toEqual([announced.id, read.id]);
      expect(follower.fresh).toBe(true);
    });

    it("is trusted from its start on, and reports its replication lag", async () => {
      const { follower } = await following();
      expect(follower.fresh).toBe(true);
      expect(follower.replicationLagMs).toBeLessThan(500);
      const never = new LogFollower(database, silent);
      expect(never.fresh).toBe(false);
    });

    it("observes nothing after it was stopped", async () => {
      const { follower, observed } = await following();
      await follower.stop();
      const other = await following();
      await appendTo(database, [happened()]);
      await eventually(() => other.observed).toHaveLength(1);
      expect(observed).toEqual([]);
      await eventually(() => follower.fresh).toBe(false);
    });
  });
}
