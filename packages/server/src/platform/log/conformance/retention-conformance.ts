import type { Fresh } from "@gatehouse/testing/databases.ts";
import { eventually } from "@gatehouse/testing/eventually.ts";
import { sql } from "kysely";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { relayOfLog } from "../../broker/relay.ts";
import { brokerSteps } from "../../broker/schema-steps.ts";
import { type Database, everyTenant } from "../../database/database.ts";
import type { SchemaStep } from "../../database/migrations.ts";
import { consumersOfLog } from "../consumers/consumer-position.ts";
import { consumerSteps } from "../consumers/schema-steps.ts";
import { beginning, type Position } from "../event.ts";
import { append, logSteps, readTail } from "../log.ts";
import { beginReading, type LogReader, logState, readerLagSeconds, removeOldEvents } from "../retention.ts";
import { idsOf, newEvent, readFrom } from "./events.ts";

export const retentionContractSteps: readonly SchemaStep[] = [...logSteps, ...consumerSteps, ...brokerSteps];

export const dayMs = 86_400_000;
/** These tests remove older events. */
export const before = new Date(Date.now() - 90 * dayMs);
export const old = new Date(before.getTime() - dayMs);
export const young = new Date(before.getTime() + 60_000);

export const appendAt = async (database: Database, occurredAt: Date, count = 1): Promise<readonly string[]> => {
  const events = Array.from({ length: count }, () => newEvent());
  await database.transact(everyTenant, (tx) => append(tx, events, { occurredAt, traceparent: null }));
  return idsOf(events);
};

export const setPosition = (database: Database, name: string, { transaction, sequence }: Position): Promise<unknown> =>
  database.transact(everyTenant, (tx) =>
    sql`insert into consumers (name, transaction, sequence, moved_at) values (${name}, ${transaction}::xid8, ${sequence}::bigint, now())
      on conflict (name) do update set transaction = excluded.transaction, sequence = excluded.sequence`.execute(tx),
  );

/** What the removal of old events guarantees on any database; `make` returns one with the schema of the log, the consumers and the broker. */
export function retentionConformance(name: string, make: () => Promise<Fresh>): void {
  describe(`the log's retention: ${name}`, () => {
    let fresh: Fresh;
    let database: Database;
    beforeAll(async () => {
      fresh = await make();
      database = fresh.database;
    }, 60_000);
    afterAll(() => fresh?.close());
    beforeEach(() =>
      database.transact(everyTenant, async (tx) => {
        for (const table of ["dead_letters", "consumers", "relays", "events"]) await sql`delete from ${sql.table(table)}`.execute(tx);
        await sql`update log_removals set transaction = null, removed = 0, removed_at = null`.execute(tx);
      }),
    );

    const readers = (relayExpected = false, ...more: readonly LogReader[]) => [consumersOfLog, relayOfLog(relayExpected), ...more];
    /** Waits until all events are below the horizon, which a transaction of any database on the server can hold back. */
    const remove = async (of = readers(), batch = 1_000) => {
      const there = await left();
      await eventually(async () => idsOf(await readFrom(database))).toEqual(there);
      return removeOldEvents(database, { readers: of, before, batch });
    };
    const left = async () => idsOf((await database.read(everyTenant, (db) => readTail(db, "0"))).events);
    const positions = async () => new Map((await readFrom(database)).map(({ id, position }) => [id, position]));
    const positionOf = async (id: string | undefined) => (await positions()).get(id as string) as Position;
    const state = () => database.read(everyTenant, logState);

    it("removes events past their retention time and retains the others, if there are no readers", async () => {
      await appendAt(database, old, 3);
      const retained = await appendAt(database, young, 2);
      expect(await state()).toEqual({ oldestAt: old, removed: 0, removedAt: null });
      expect(await remove()).toBe(3);
      expect(await left()).toEqual(retained);
      expect(await state()).toEqual({ oldestAt: young, removed: 3, removedAt: expect.any(Date) });
      expect(await remove()).toBe(0);
      expect(await state()).toMatchObject({ removed: 3 });
    });

    it("removes nothing from an empty log", async () => {
      expect(await remove()).toBe(0);
      expect(await state()).toEqual({ oldestAt: null, removed: 0, removedAt: null });
    });

    it("removes all expired events in batches", async () => {
      await appendAt(database, old, 25);
      expect(await remove(readers(), 4)).toBe(25);
      expect(await left()).toEqual([]);
    });

    it("retains events that a consumer has not passed, and reports their age", async () => {
      const [first, second, third] = await appendAt(database, old, 3);
      await setPosition(database, "quick", await positionOf(third));
      await setPosition(database, "slow", await positionOf(first));
      expect(await remove()).toBe(1);
      expect(await left()).toEqual([second, third]);
      const seconds = await database.read(everyTenant, (db) => readerLagSeconds(db, readers()));
      expect(seconds).toEqual(
        expect.arrayContaining([
          { reader: "quick", seconds: 0 },
          { reader: "slow", seconds: expect.closeTo((Date.now() - old.getTime()) / 1_000, -2) },
        ]),
      );
      await setPosition(database, "slow", await positionOf(third));
      expect(await remove()).toBe(2);
    });

    it("retains all events for a consumer that has not handled any", async () => {
      const ids = await appendAt(database, old, 3);
      await setPosition(database, "new", beginning);
      expect(await remove()).toBe(0);
      expect(await left()).toEqual(ids);
    });

    it("retains all events for a relay that has not begun, also if it is only expected", async () => {
      const ids = await appendAt(database, old, 3);
      expect(await remove(readers(true))).toBe(0);
      await database.transact(everyTenant, (tx) => sql`insert into relays (name) values ('events')`.execute(tx));
      for (const expected of [true, false]) expect(await remove(readers(expected))).toBe(0);
      expect(await left()).toEqual(ids);
      const { transaction, sequence } = await positionOf(ids[1]);
      await database.transact(everyTenant, (tx) =>
        sql`update relays set transaction = ${transaction}::xid8, sequence = ${sequence}::bigint`.execute(tx),
      );
      expect(await remove(readers(true))).toBe(2);
      expect(await left()).toEqual([ids[2]]);
    });

    it("retains events that another reader has not passed, or needs", async () => {
      const [first, second, third] = await appendAt(database, old, 3);
      const position = await positionOf(second);
      const slow: LogReader = { positions: async () => [{ name: "slow", ...position }], needs: sql`e.id = ${first}` };
      expect(await remove(readers(false, slow))).toBe(1);
      expect(await left()).toEqual([first, third]);
    });

    it("retains an event that is a dead letter until an operator decides", async () => {
      const [bad, good] = await appendAt(database, old, 2);
      await setPosition(database, "strict", await positionOf(good));
      await database.transact(everyTenant, (tx) =>
        sql`insert into dead_letters (consumer, event_id, attempts, failure, failed_at) values ('strict', ${bad}, 6, 'no', now())`.execute(
          tx,
        ),
      );
      expect(await remove()).toBe(1);
      expect(await left()).toEqual([bad]);
      await database.transact(everyTenant, (tx) => sql`delete from dead_letters`.execute(tx));
      expect(await remove()).toBe(1);
    });

    it("reports an incomplete log only to a reader from before a removed event", async () => {
      const from = (await database.read(everyTenant, (db) => readTail(db, "0"))).horizon;
      await appendAt(database, old);
      const isComplete = (horizon: string) => database.read(everyTenant, async (db) => (await readTail(db, horizon)).isComplete);
      expect(await isComplete(from)).toBe(true);
      await remove();
      expect(await isComplete(from)).toBe(false);
      const { horizon } = await database.read(everyTenant, (db) => readTail(db, "0"));
      expect(await isComplete(horizon)).toBe(true);
    });

    it("returns the number of removed events to a new reader", async () => {
      await appendAt(database, old, 2);
      expect(await database.transact(everyTenant, beginReading)).toBe(0);
      await remove();
      expect(await database.transact(everyTenant, beginReading)).toBe(2);
    });
  });
}
