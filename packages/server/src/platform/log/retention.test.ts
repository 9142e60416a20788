import {
  describeOnPostgresql,
  type Fresh,
  freshPglite,
  freshPostgresql,
  type HeldTransaction,
  holdTransaction,
} from "@gatehouse/testing/databases.ts";
import { eventually } from "@gatehouse/testing/eventually.ts";
import { silent } from "@gatehouse/testing/silent.ts";
import fc from "fast-check";
import { sql } from "kysely";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Broker } from "../broker/broker.ts";
import { databaseBroker } from "../broker/database-broker.ts";
import { Relay, relayOfLog } from "../broker/relay.ts";
import { type Database, everyTenant, type WriteHandle } from "../database/database.ts";
import { createMetrics } from "../telemetry/metrics.ts";
import { idsOf, newEvent, readFrom } from "./conformance/events.ts";
import {
  appendAt,
  before,
  old,
  retentionConformance,
  retentionContractSteps,
  setPosition,
  young,
} from "./conformance/retention-conformance.ts";
import { consumersOfLog } from "./consumers/consumer-position.ts";
import { Consumers } from "./consumers/consumers.ts";
import { beginning, type Position } from "./event.ts";
import { LogFollower } from "./follower.ts";
import { append, readAfter, readTail } from "./log.ts";
import { beginReading, removeOldEvents } from "./retention.ts";

retentionConformance("PGlite", () => freshPglite(retentionContractSteps));

describeOnPostgresql("the log's retention on PostgreSQL", () => {
  retentionConformance("PostgreSQL, a superuser that steps down", () => freshPostgresql(retentionContractSteps, "superuser"));
  retentionConformance("PostgreSQL, a plain login that owns the database", () => freshPostgresql(retentionContractSteps, "plain"));
});

const clear = (database: Database): Promise<void> =>
  database.transact(everyTenant, async (tx) => {
    for (const table of ["dead_letters", "consumers", "relays", "events"]) await sql`delete from ${sql.table(table)}`.execute(tx);
    await sql`update log_removals set transaction = null, removed = 0, removed_at = null`.execute(tx);
  });
const readers = [consumersOfLog, relayOfLog(false)];

describe("a log from which events have been removed", () => {
  let fresh: Fresh;
  let database: Database;
  const open: { close(): Promise<void> }[] = [];
  beforeAll(async () => {
    fresh = await freshPglite(retentionContractSteps);
    database = fresh.database;
  });
  afterAll(() => fresh?.close());
  beforeEach(() => clear(database));
  afterEach(async () => {
    for (const each of open.splice(0).reverse()) await each.close();
  });

  it("a new consumer begins at the oldest event that is left, and an existing one misses none", async () => {
    const consumers = new Consumers(database, silent);
    open.push(consumers);
    const came: string[] = [];
    const known = await consumers.consume({
      name: "known",
      types: ["thing.happened.v1"],
      handle: async (events) => void came.push(...idsOf(events)),
    });
    const removed = await appendAt(database, old, 3);
    const retained = await appendAt(database, young, 2);
    await known.idle();
    expect(await removeOldEvents(database, { readers, before })).toBe(3);
    const late: string[] = [];
    const added = await consumers.consume({
      name: "added",
      types: ["thing.happened.v1"],
      handle: async (events) => void late.push(...idsOf(events)),
    });
    await added.idle();
    expect(came).toEqual([...removed, ...retained]);
    expect(late).toEqual(retained);
  });

  it("the relay of a new broker publishes the events that are left", async () => {
    await appendAt(database, old, 3);
    const retained = await appendAt(database, young, 2);
    expect(await removeOldEvents(database, { readers, before })).toBe(3);
    const published: string[] = [];
    const publish = async (messages: Parameters<Broker["publish"]>[0]) => void published.push(...messages.map(({ event }) => event.id));
    const broker: Broker = { ...databaseBroker(database, silent), publish };
    const relay = new Relay({
      database,
      broker,
      source: "https://id.example",
      leaves: () => true,
      logger: silent,
      metrics: createMetrics(),
    });
    relay.start();
    open.push(relay);
    await eventually(() => published).toEqual(retained);
  });

  it("a process that has not read the removed events no longer trusts its caches", async () => {
    const marker = await appendAt(database, old);
    const follower = new LogFollower(database, silent);
    await follower.start();
    open.push({ close: () => follower.stop() });
    let isLost = false;
    void follower.lost.then(() => {
      isLost = true;
    });
    // Removing events that it has passed is the normal case.
    await eventually(async () => follower.catchUp().then(async () => idsOf(await readFrom(database)))).toEqual(marker);
    expect(await removeOldEvents(database, { readers, before })).toBe(1);
    await follower.catchUp();
    expect([follower.fresh, isLost]).toEqual([true, false]);
    // Events that it has not observed are removed, as during a suspension.
    await database.transact(everyTenant, async (tx) => {
      await append(tx, [newEvent()], { occurredAt: old, traceparent: null });
      await sql`delete from events`.execute(tx);
      await sql`update log_removals set transaction = pg_current_xact_id(), removed = removed + 1`.execute(tx);
    });
    await eventually(() => isLost).toBe(true);
    expect([follower.fresh, await follower.observed()]).toEqual([false, false]);
  });
});

// Needs concurrent transactions, which one embedded connection does not have.
describeOnPostgresql("the removal of old events under interleaved transactions", () => {
  let fresh: Fresh;
  let database: Database;
  beforeAll(async () => {
    fresh = await freshPostgresql(retentionContractSteps, "superuser", 14);
    database = fresh.database;
  }, 60_000);
  afterAll(() => fresh?.close());
  beforeEach(() => clear(database));
  const all = async () => idsOf((await database.read(everyTenant, (db) => readTail(db, "0"))).events);
  const appendOld = async (tx: WriteHandle): Promise<string> => {
    const event = newEvent({ subject: `thing/${crypto.randomUUID()}` });
    await append(tx, [event], { occurredAt: old, traceparent: null });
    return event.id;
  };

  it("retains events beyond an open transaction, which no reader can have passed", async () => {
    const slow = await holdTransaction(database);
    const early = await slow.run(appendOld);
    const quick = await appendAt(database, old);
    expect(await removeOldEvents(database, { readers, before })).toBe(0);
    await slow.commit();
    await eventually(async () => idsOf(await readFrom(database))).toEqual([early, ...quick]);
    expect(await removeOldEvents(database, { readers, before })).toBe(2);
  });

  it("two concurrent workers remove each event once, and both end", async () => {
    await appendAt(database, old, 400);
    const retained = await appendAt(database, young, 5);
    await eventually(async () => (await readFrom(database)).length).toBe(405);
    const [one, two] = [fresh.another(2), fresh.another(2)];
    const removed = await Promise.all([one, two, one, two].map((worker) => removeOldEvents(worker, { readers, before, batch: 10 })));
    const rest = await removeOldEvents(database, { readers, before });
    expect([...removed, rest].reduce((sum, count) => sum + count)).toBe(400);
    expect(await all()).toEqual(retained);
    const { rows } = await sql<{ removed: string }>`select removed::text from log_removals`.execute(database.owner);
    expect(rows[0]?.removed).toBe("400");
  });

  it("waits for a reader that is registering, and then retains all events for it", async () => {
    const ids = await appendAt(database, old, 3);
    await eventually(async () => (await readFrom(database)).length).toBe(3);
    const newcomer = await holdTransaction(database);
    await newcomer.run(beginReading);
    await newcomer.run((tx) =>
      sql`insert into consumers (name, transaction, sequence, moved_at) values ('newcomer', '0', 0, now())`.execute(tx),
    );
    // Its position is not committed, so no other transaction sees it.
    expect(await removeOldEvents(database, { readers, before })).toBe(0);
    await newcomer.commit();
    expect(await removeOldEvents(database, { readers, before })).toBe(0);
    expect(await all()).toEqual(ids);
  });

  type Action =
    | { readonly kind: "append" | "commit" | "rollback"; readonly slot: number }
    | { readonly kind: "read"; readonly reader: string; readonly limit: number }
    | { readonly kind: "join"; readonly reader: string }
    | { readonly kind: "remove"; readonly batch: number; readonly workers: number };
  const slots = 5;
  const names = ["one", "two", "three"];
  const reader = fc.constantFrom(...names);
  const action: fc.Arbitrary<Action> = fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant("append" as const), slot: fc.nat(slots - 1) }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant("commit" as const), slot: fc.nat(slots - 1) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("rollback" as const), slot: fc.nat(slots - 1) }) },
    { weight: 5, arbitrary: fc.record({ kind: fc.constant("read" as const), reader, limit: fc.integer({ min: 1, max: 4 }) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("join" as const), reader }) },
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant("remove" as const),
        batch: fc.integer({ min: 1, max: 4 }),
        workers: fc.integer({ min: 1, max: 2 }),
      }),
    },
  );

  it("never removes an event that a reader has not read, for any interleaving, and in the end removes all that every reader has read", async () => {
    let removedInAll = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 10, maxLength: 50 }), async (actions) => {
        await clear(database);
        const open = new Map<number, { readonly held: HeldTransaction; readonly ids: string[] }>();
        const committed = new Set<string>();
        /** The events that each reader has read, and those removed before it joined. */
        const read = new Map<string, { readonly ids: Set<string>; readonly before: Set<string> }>();
        const join = async (name: string): Promise<void> => {
          if (read.has(name)) return;
          const there = new Set(await all());
          await setPosition(database, name, beginning);
          read.set(name, { ids: new Set(), before: new Set([...committed].filter((id) => !there.has(id))) });
        };
        const readOn = (name: string, limit: number): Promise<number> =>
          database.transact(everyTenant, async (tx) => {
            const { rows } = await sql<Position>`
              select transaction::text, sequence::text from consumers where name = ${name} for update`.execute(tx);
            const events = await readAfter(tx, rows[0] as Position, { limit });
            for (const { id } of events) read.get(name)?.ids.add(id);
            const last = events.at(-1)?.position;
            if (last !== undefined)
              await sql`update consumers set transaction = ${last.transaction}::xid8, sequence = ${last.sequence}::bigint
                where name = ${name}`.execute(tx);
            return events.length;
          });
        const remove = async (batch: number, workers = 1): Promise<void> => {
          const counts = await Promise.all(Array.from({ length: workers }, () => removeOldEvents(database, { readers, before, batch })));
          removedInAll += counts.reduce((sum, count) => sum + count);
          const there = new Set(await all());
          for (const [name, { ids, before: missed }] of read) {
            for (const id of committed)
              if (!there.has(id)) expect(ids.has(id) || missed.has(id), `${name} has not read what was removed`).toBe(true);
          }
        };
        const end = async (slot: number, how: "commit" | "rollback"): Promise<void> => {
          const transaction = open.get(slot);
          if (!transaction) return;
          open.delete(slot);
          await transaction.held[how]();
          if (how === "commit") for (const id of transaction.ids) committed.add(id);
        };
        const step = async (next: Action): Promise<void> => {
          if (next.kind === "read") return read.has(next.reader) ? void (await readOn(next.reader, next.limit)) : undefined;
          if (next.kind === "join") return join(next.reader);
          if (next.kind === "remove") return remove(next.batch, next.workers);
          if (next.kind !== "append") return end(next.slot, next.kind);
          const transaction = open.get(next.slot) ?? { held: await holdTransaction(database), ids: [] };
          open.set(next.slot, transaction);
          transaction.ids.push(await transaction.held.run(appendOld));
        };
        await join("one");
        try {
          for (const next of actions) await step(next);
        } finally {
          for (const slot of [...open.keys()]) await end(slot, slot % 2 === 0 ? "commit" : "rollback");
        }
        // No transaction is open here any more; transactions elsewhere on the server end.
        await eventually(async () => {
          for (const name of read.keys()) while ((await readOn(name, 3)) > 0);
          await remove(3);
          return all();
        }).toEqual([]);
        for (const { ids, before: missed } of read.values()) expect(ids.size + missed.size).toBe(committed.size);
      }),
      { numRuns: 60, endOnFailure: true },
    );
    // Without removals during the run the test would prove nothing.
    expect(removedInAll).toBeGreaterThan(100);
  }, 120_000);
});
