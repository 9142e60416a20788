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
import { beginReading, type LogReader, logState, removeOldEvents, unpassedSeconds } from "../retention.ts";
import { idsOf, newEvent, readFrom } from "./events.ts";

export const retentionContractSteps: readonly SchemaStep[] = [...logSteps, ...consumerSteps, ...brokerSteps];

export const dayMs = 86_400_000;
/** What is older than this is removed in these tests. */
export const before = new Date(Date.now() - 90 * dayMs);
export const old = new Date(before.getTime() - dayMs);
export const young = new Date(before.getTime() + 60_000);

export const appendAt = async (database: Database, occurredAt: Date, count = 1): Promise<readonly string[]> => {
  const events = Array.from({ length: count }, () => newEvent());
  await database.transact(everyTenant, (tx) => append(tx, events, { occurredAt, traceparent: null }));
  return idsOf(events);
};

export const standAt = (database: Database, name: string, { transaction, sequence }: Position): Promise<unknown> =>
  database.transact(everyTenant, (tx) =>
    sql`insert into consumers (name, transaction, sequence, moved_at) values (${name}, ${transaction}::xid8, ${sequence}::bigint, now())
      on conflict (name) do update set transaction = excluded.transaction, sequence = excluded.sequence`.execute(tx),
  );

/** What the removal of old events promises on any database; `make` gives one with the log's, the consumers' and the broker's steps. */
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
    /** Once all lies below the horizon, which a transaction of any other database of the server can hold back. */
    const remove = async (of = readers(), batch = 1_000) => {
      const there = await left();
      await eventually(async () => idsOf(await readFrom(database))).toEqual(there);
      return removeOldEvents(database, { readers: of, before, batch });
    };
    const left = async () => idsOf((await database.read(everyTenant, (db) => readTail(db, "0"))).events);
    const positions = async () => new Map((await readFrom(database)).map(({ id, position }) => [id, position]));
    const placeOf = async (id: string | undefined) => (await positions()).get(id as string) as Position;
    const state = () => database.read(everyTenant, logState);

    it("removes what is older than it is kept and keeps the rest, where nobody reads", async () => {
      await appendAt(database, old, 3);
      const kept = await appendAt(database, young, 2);
      expect(await state()).toEqual({ oldestAt: old, removed: 0, removedAt: null });
      expect(await remove()).toBe(3);
      expect(await left()).toEqual(kept);
      expect(await state()).toEqual({ oldestAt: young, removed: 3, removedAt: expect.any(Date) });
      expect(await remove()).toBe(0);
      expect(await state()).toMatchObject({ removed: 3 });
    });

    it("removes nothing from an empty log", async () => {
      expect(await remove()).toBe(0);
      expect(await state()).toEqual({ oldestAt: null, removed: 0, removedAt: null });
    });

    it("removes in batches, and everything", async () => {
      await appendAt(database, old, 25);
      expect(await remove(readers(), 4)).toBe(25);
      expect(await left()).toEqual([]);
    });

    it("keeps what a consumer has not passed, whatever its age, and tells how old that is", async () => {
      const [first, second, third] = await appendAt(database, old, 3);
      await standAt(database, "quick", await placeOf(third));
      await standAt(database, "slow", await placeOf(first));
      expect(await remove()).toBe(1);
      expect(await left()).toEqual([second, third]);
      const seconds = await database.read(everyTenant, (db) => unpassedSeconds(db, readers()));
      expect(seconds).toEqual(
        expect.arrayContaining([
          { reader: "quick", seconds: 0 },
          { reader: "slow", seconds: expect.closeTo((Date.now() - old.getTime()) / 1_000, -2) },
        ]),
      );
      await standAt(database, "slow", await placeOf(third));
      expect(await remove()).toBe(2);
    });

    it("keeps everything for a consumer that has not handled one", async () => {
      const ids = await appendAt(database, old, 3);
      await standAt(database, "new", beginning);
      expect(await remove()).toBe(0);
      expect(await left()).toEqual(ids);
    });

    it("keeps everything for a relay that has not begun, also one that nothing is known of but that it is to come", async () => {
      const ids = await appendAt(database, old, 3);
      expect(await remove(readers(true))).toBe(0);
      await database.transact(everyTenant, (tx) => sql`insert into relays (name) values ('events')`.execute(tx));
      for (const expected of [true, false]) expect(await remove(readers(expected))).toBe(0);
      expect(await left()).toEqual(ids);
      const { transaction, sequence } = await placeOf(ids[1]);
      await database.transact(everyTenant, (tx) =>
        sql`update relays set transaction = ${transaction}::xid8, sequence = ${sequence}::bigint`.execute(tx),
      );
      expect(await remove(readers(true))).toBe(2);
      expect(await left()).toEqual([ids[2]]);
    });

    it("keeps what another reader has not passed, or needs", async () => {
      const [first, second, third] = await appendAt(database, old, 3);
      const place = await placeOf(second);
      const slow: LogReader = { places: async () => [{ name: "slow", ...place }], needs: sql`e.id = ${first}` };
      expect(await remove(readers(false, slow))).toBe(1);
      expect(await left()).toEqual([first, third]);
    });

    it("keeps an event that a consumer has put aside until somebody decides", async () => {
      const [bad, good] = await appendAt(database, old, 2);
      await standAt(database, "strict", await placeOf(good));
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

    it("shows whoever comes back from before what was removed that the log is not whole, and nobody else", async () => {
      const from = (await database.read(everyTenant, (db) => readTail(db, "0"))).horizon;
      await appendAt(database, old);
      const whole = (horizon: string) => database.read(everyTenant, async (db) => (await readTail(db, horizon)).isWhole);
      expect(await whole(from)).toBe(true);
      await remove();
      expect(await whole(from)).toBe(false);
      const { horizon } = await database.read(everyTenant, (db) => readTail(db, "0"));
      expect(await whole(horizon)).toBe(true);
    });

    it("tells who begins to read how much the log has no more", async () => {
      await appendAt(database, old, 2);
      expect(await database.transact(everyTenant, beginReading)).toBe(0);
      await remove();
      expect(await database.transact(everyTenant, beginReading)).toBe(2);
    });
  });
}
