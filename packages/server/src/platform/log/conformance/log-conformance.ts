import { randomUUID } from "node:crypto";
import type { Fresh } from "@gatehouse/testing/databases.ts";
import { eventually } from "@gatehouse/testing/eventually.ts";
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Database, everyTenant, internalScope, tenantScope, userScope } from "../../database/database.ts";
import { beginning, covers, type Position } from "../event.ts";
import { append, readTail } from "../log.ts";
import { appendIn, appendTo, idsOf, newEvent, readFrom } from "./events.ts";

const compare = (left: Position, right: Position): number =>
  Number(BigInt(left.transaction) - BigInt(right.transaction)) || Number(BigInt(left.sequence) - BigInt(right.sequence));

/** What the log guarantees on one connection and on many; `make` returns a database with the log's schema. */
export function logConformance(name: string, make: () => Promise<Fresh>): void {
  describe(`log: ${name}`, () => {
    let fresh: Fresh;
    let database: Database;
    beforeAll(async () => {
      fresh = await make();
      database = fresh.database;
    }, 60_000);
    afterAll(() => fresh?.close());

    const endOfLog = async (): Promise<Position> => (await settled()).at(-1)?.position ?? beginning;
    /** All events, once no transaction on the server holds the horizon below the newest. */
    const settled = async () => {
      const { events } = await database.read(everyTenant, (db) => readTail(db, "0"));
      await eventually(async () => idsOf(await readFrom(database))).toEqual(idsOf(events));
      return readFrom(database);
    };

    it("returns an event as it was appended", async () => {
      const from = await endOfLog();
      const event = newEvent({
        type: "thing.described.v2",
        subject: "thing/ünïcode",
        organizationId: randomUUID(),
        data: { text: "“quoted” \\ \n \u{1F511}", number: 1.5, nothing: null, list: [1, "two", { three: [] }], yes: true },
      });
      const occurredAt = new Date("2025-02-03T04:05:06.789Z");
      const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
      await database.transact(everyTenant, (tx) => append(tx, [event], { occurredAt, traceparent, actor: "user:1" }));
      await settled();
      const [read, ...more] = await readFrom(database, from);
      expect(more).toEqual([]);
      expect(read).toEqual({ ...event, occurredAt, traceparent, actor: "user:1", position: expect.anything() });
    });

    it("has the revision of a write as the transaction in its events' positions", async () => {
      const from = await endOfLog();
      const revision = await appendTo(database, [newEvent(), newEvent()]);
      await settled();
      const events = await readFrom(database, from);
      expect(events.map((event) => event.position.transaction)).toEqual([revision, revision]);
      const { horizon } = await database.read(everyTenant, (db) => readTail(db, "0"));
      expect(covers(horizon, revision)).toBe(true);
      expect(covers(revision, revision)).toBe(false);
    });

    it("orders events by emission within a transaction, and by commit between transactions", async () => {
      const from = await endOfLog();
      const emitted = [[newEvent(), newEvent(), newEvent()], [newEvent()], [newEvent({ subject: "thing/2" }), newEvent()]];
      for (const events of emitted) await appendTo(database, events);
      await settled();
      const read = await readFrom(database, from);
      expect(idsOf(read)).toEqual(idsOf(emitted.flat()));
      expect(read.map((event) => event.position).toSorted(compare)).toEqual(read.map((event) => event.position));
    });

    it("orders positions numerically: 9 before 10, 99 before 100", async () => {
      const positions: Position[] = ["2", "9", "10", "11", "99", "100"].flatMap((transaction, index) =>
        ["900000000", "1000000000", "9999999999", "10000000000"].map((digits) => ({ transaction, sequence: `${digits}${index}` })),
      );
      const type = "test.placed.v1";
      await database.transact(everyTenant, async (tx) => {
        for (const { transaction, sequence } of positions.toReversed()) {
          await sql`insert into events (sequence, transaction, id, type, subject, data, occurred_at) overriding system value
            values (${sequence}, ${transaction}::xid8, ${randomUUID()}, ${type}, 'thing/placed', '{}', now())`.execute(tx);
        }
      });
      const read: Position[] = [];
      for (let at = beginning; ; at = read.at(-1) as Position) {
        const page = await readFrom(database, at, { limit: 5, types: [type] });
        if (page.length === 0) break;
        read.push(...page.map((event) => event.position));
      }
      expect(read).toEqual(positions);
      const tail = await database.read(everyTenant, (db) => readTail(db, "9", [type]));
      expect(tail.events.map((event) => event.position)).toEqual(positions.slice(4));
    });

    it("returns every event to a reader of small pages", async () => {
      const from = await endOfLog();
      const events = Array.from({ length: 130 }, () => newEvent());
      for (const event of events) await appendTo(database, [event]);
      await settled();
      const read: string[] = [];
      for (let at = from; ; ) {
        const [next] = await readFrom(database, at, { limit: 1 });
        if (!next) break;
        read.push(next.id);
        at = next.position;
      }
      expect(read).toEqual(idsOf(events));
    });

    it("accepts more events per transaction than a statement has parameters, in their order", async () => {
      // 65,535 parameters at seven an event end at 9,362 events.
      const events = Array.from({ length: 20_000 }, (_, index) => newEvent({ subject: `thing/${index}` }));
      const undone = new Error("the other tests read the whole log");
      const read: string[] = [];
      const work = database.transact(everyTenant, async (tx) => {
        await append(tx, events, { occurredAt: new Date(), traceparent: null });
        const { rows } = await sql<{ id: string }>`
          select id from events where transaction = pg_current_xact_id() order by sequence`.execute(tx);
        read.push(...rows.map(({ id }) => id));
        throw undone;
      });
      await expect(work).rejects.toBe(undone);
      expect(read).toEqual(idsOf(events));
    });

    it("is read in pages, each from the reader's last position", async () => {
      const from = await endOfLog();
      const events = Array.from({ length: 7 }, () => newEvent());
      await appendTo(database, events.slice(0, 4));
      await appendTo(database, events.slice(4));
      await settled();
      const read: string[] = [];
      for (let at = from; ; ) {
        const page = await readFrom(database, at, { limit: 3 });
        if (page.length === 0) break;
        expect(page.length).toBeLessThanOrEqual(3);
        read.push(...idsOf(page));
        at = page.at(-1)?.position as Position;
      }
      expect(read).toEqual(idsOf(events));
    });

    it("returns only the requested types, in order", async () => {
      const from = await endOfLog();
      const events = ["a.b.v1", "c.d.v1", "e.f.v1", "a.b.v1"].map((type) => newEvent({ type }));
      await appendTo(database, events);
      await settled();
      expect(idsOf(await readFrom(database, from, { types: ["a.b.v1", "e.f.v1"] }))).toEqual([events[0]?.id, events[2]?.id, events[3]?.id]);
      expect(await readFrom(database, from, { types: ["x.y.v1"] })).toEqual([]);
    });

    it("returns nothing after its end", async () => {
      expect(await readFrom(database, await endOfLog())).toEqual([]);
      expect(await readFrom(database, { transaction: "18446744073709551615", sequence: "0" })).toEqual([]);
    });

    it("has no events of a rolled-back transaction, and no gap at which a reader would wait", async () => {
      const from = await endOfLog();
      const [before, never, after] = [newEvent(), newEvent(), newEvent()];
      await appendTo(database, [before]);
      const failure = new Error("the command failed");
      await expect(
        database.transact(everyTenant, async (tx) => {
          await appendIn(tx, never);
          throw failure;
        }),
      ).rejects.toBe(failure);
      await appendTo(database, [after]);
      await settled();
      expect(idsOf(await readFrom(database, from))).toEqual([before.id, after.id]);
    });

    it("rejects a duplicate event id", async () => {
      const event = newEvent();
      await appendTo(database, [event]);
      await expect(appendTo(database, [event])).rejects.toMatchObject({ code: "23505" });
    });

    it("accepts an empty list of events", async () => {
      const before = await settled();
      await database.transact(everyTenant, (tx) => append(tx, [], { occurredAt: new Date(), traceparent: null }));
      expect(idsOf(await settled())).toEqual(idsOf(before));
    });

    it("returns the tail with the horizon of the read, also if there are no new events", async () => {
      const [first, second] = [newEvent(), newEvent()];
      const revision = await appendTo(database, [first, second]);
      await settled();
      const tail = await database.read(everyTenant, (db) => readTail(db, revision));
      expect(idsOf(tail.events)).toEqual([first.id, second.id]);
      const next = await database.read(everyTenant, (db) => readTail(db, tail.horizon));
      expect(next.events).toEqual([]);
      expect(BigInt(next.horizon)).toBeGreaterThanOrEqual(BigInt(tail.horizon));
      const ofType = await database.read(everyTenant, (db) => readTail(db, revision, ["another.type.v1"]));
      expect(ofType.events).toEqual([]);
      expect(BigInt(ofType.horizon)).toBeGreaterThan(BigInt(revision));
    });

    describe("between tenants", () => {
      const [red, blue, ada] = [randomUUID(), randomUUID(), randomUUID()];

      it("accepts an event of the scope's tenant, and an event without a tenant from any scope", async () => {
        const from = await endOfLog();
        const events = [
          newEvent({ organizationId: red }),
          newEvent({ subject: `user/${ada}` }),
          newEvent({ subject: `user/${ada}` }),
          newEvent({ subject: `user/${ada}` }),
          newEvent(),
        ];
        await appendTo(database, [events[0] as (typeof events)[0]], tenantScope(red));
        await appendTo(database, [events[1] as (typeof events)[0]], tenantScope(red, ada));
        await appendTo(database, [events[2] as (typeof events)[0]], userScope(ada));
        await appendTo(database, [events[3] as (typeof events)[0]], { tenant: "none" });
        await appendTo(database, [events[4] as (typeof events)[0]], internalScope);
        await settled();
        expect(idsOf(await readFrom(database, from))).toEqual(idsOf(events));
      });

      it("rejects an event of another tenant, and rolls the transaction back", async () => {
        const before = idsOf(await settled());
        for (const scope of [tenantScope(red), internalScope, userScope(ada), { tenant: "none" }]) {
          await expect(appendTo(database, [newEvent(), newEvent({ organizationId: blue })], scope)).rejects.toMatchObject({
            code: "42501",
          });
        }
        expect(idsOf(await settled())).toEqual(before);
      });

      it("returns only the scope's own events, and none without a scope", async () => {
        const [inRed, inBlue] = [newEvent({ organizationId: red }), newEvent({ organizationId: blue })];
        await appendTo(database, [inRed, inBlue]);
        await settled();
        const seen = async (scope: Parameters<typeof appendTo>[2]) => idsOf(await readFrom(database, beginning, scope ? { scope } : {}));
        expect(await seen(tenantScope(red))).toContain(inRed.id);
        expect(await seen(tenantScope(red))).not.toContain(inBlue.id);
        expect(await seen(tenantScope(blue))).toEqual([inBlue.id]);
        expect(await seen(tenantScope(randomUUID()))).toEqual([]);
        expect(await seen(userScope(ada))).toEqual([]);
        expect(await seen({ tenant: "none" })).toEqual([]);
        expect(await seen(everyTenant)).toEqual(expect.arrayContaining([inRed.id, inBlue.id]));
      });

      it("does not change the scope of the appending transaction", async () => {
        const seen = await database.transact(tenantScope(red), async (tx) => {
          await appendIn(tx, newEvent({ organizationId: red }));
          const { rows } = await sql<{ organization_id: string; scope: string }>`
            select distinct organization_id, current_setting('app.tenant') as scope from events`.execute(tx);
          return rows;
        });
        expect(seen).toEqual([{ organization_id: red, scope: red }]);
      });
    });
  });
}
