import { randomUUID } from "node:crypto";
import { describeOnPostgresql, type Fresh, freshPostgresql, type HeldTransaction, holdTransaction } from "@gatehouse/testing/databases.ts";
import { eventually } from "@gatehouse/testing/eventually.ts";
import fc from "fast-check";
import { sql } from "kysely";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { type Database, everyTenant, type Scope, tenantScope, userScope } from "../database/database.ts";
import { type SchemaStep, sharedTable } from "../database/migrations.ts";
import { appendIn, appendTo, idsOf, newEvent, readFrom } from "./conformance/events.ts";
import { beginning, covers, type LoggedEvent, type Position, type Tail } from "./event.ts";
import { logSteps, readSince, readTail, revisionOf, WriteConflictError } from "./log.ts";

const aggregates: SchemaStep = {
  name: "0002_contract_aggregates",
  why: "state that transactions lock and change, as commands do",
  async up(db) {
    await sql`create table aggregates (name text primary key, changes integer not null default 0)`.execute(db);
    await sharedTable(db, "aggregates");
  },
};

// One connection proves no race: what is shown here needs several open transactions at once.
describeOnPostgresql("the log under interleaved transactions", () => {
  let fresh: Fresh;
  let database: Database;
  /** The end of the log when a test begins. */
  let start: Position;

  beforeAll(async () => {
    fresh = await freshPostgresql([...logSteps, aggregates], "superuser", 12);
    database = fresh.database;
  }, 60_000);
  afterAll(() => fresh?.close());
  beforeEach(async () => {
    // Appended and awaited: a test begins at a horizon that nothing holds back.
    const marker = newEvent({ type: "test.begins.v1" });
    await appendTo(database, [marker]);
    start = await eventually(async () =>
      (await readFrom(database, beginning, { types: ["test.begins.v1"] })).find((event) => event.id === marker.id),
    )
      .toBeDefined()
      .then(async () => (await readFrom(database, beginning, { types: ["test.begins.v1"] })).at(-1)?.position as Position);
  });

  const readAll = (): Promise<readonly LoggedEvent[]> => readFrom(database, start);
  const tailFrom = (horizon: string) => database.read(everyTenant, (db) => readTail(db, horizon));
  /** Begins a transaction and takes its place in the order, as its first write would. */
  const opened = async (scope?: Scope): Promise<HeldTransaction & { readonly revision: string }> => {
    const held = await holdTransaction(database, scope);
    return { ...held, revision: await held.run(revisionOf) };
  };

  it("shows nothing past a transaction that took its number earlier and commits later, and misses nothing of it", async () => {
    const slow = await opened();
    const early = newEvent({ subject: "thing/slow" });
    await slow.run((tx) => appendIn(tx, early));
    const quick = newEvent({ subject: "thing/quick" });
    const quickRevision = await appendTo(database, [quick]);
    expect(BigInt(quickRevision)).toBeGreaterThan(BigInt(slow.revision));

    expect(await readAll()).toEqual([]);
    await slow.commit();
    await eventually(async () => idsOf(await readAll())).toEqual([early.id, quick.id]);
  });

  it("does not let a reader pass a transaction that has its place but has not appended yet", async () => {
    const slow = await opened();
    const quick = newEvent({ subject: "thing/quick" });
    await appendTo(database, [quick]);
    expect(await readAll()).toEqual([]);
    const late = newEvent({ subject: "thing/slow" });
    await slow.run((tx) => appendIn(tx, late));
    expect(await readAll()).toEqual([]);
    await slow.commit();
    await eventually(async () => idsOf(await readAll())).toEqual([late.id, quick.id]);
  });

  it("goes on at once when the transaction that readers waited for is rolled back", async () => {
    const slow = await opened();
    await slow.run((tx) => appendIn(tx, newEvent({ subject: "thing/slow" })));
    const quick = newEvent({ subject: "thing/quick" });
    await appendTo(database, [quick]);
    expect(await readAll()).toEqual([]);
    await slow.rollback();
    await eventually(async () => idsOf(await readAll())).toEqual([quick.id]);
  });

  it("goes on when the connection of an open transaction breaks", async () => {
    const slow = await opened();
    await slow.run((tx) => appendIn(tx, newEvent({ subject: "thing/slow" })));
    const quick = newEvent({ subject: "thing/quick" });
    await appendTo(database, [quick]);
    const pid = await slow.run(async (tx) => (await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(tx)).rows[0]?.pid);
    await sql`select pg_terminate_backend(${pid})`.execute(database.owner);
    await eventually(async () => idsOf(await readAll())).toEqual([quick.id]);
    await expect(slow.commit()).rejects.toThrow();
  });

  it("hands the tail over at once, past an open transaction, and again what is not settled until it is", async () => {
    const { horizon } = await tailFrom("0");
    const slow = await opened();
    const early = newEvent({ subject: "thing/slow" });
    await slow.run((tx) => appendIn(tx, early));
    const quick = newEvent({ subject: "thing/quick" });
    const quickRevision = await appendTo(database, [quick]);

    const during = await tailFrom(horizon);
    expect(idsOf(during.events)).toContain(quick.id);
    expect(idsOf(during.events)).not.toContain(early.id);
    expect(covers(during.horizon, quickRevision)).toBe(false);

    await slow.commit();
    const after = await tailFrom(during.horizon);
    expect(idsOf(after.events)).toEqual([early.id, quick.id]);
  });

  it("orders two transactions about one subject, of which the later saw the earlier, as they happened", async () => {
    const first = newEvent();
    await appendTo(database, [first]);
    const second = newEvent();
    await appendTo(database, [second]);
    await eventually(async () => idsOf(await readAll())).toEqual([first.id, second.id]);
  });

  it("refuses a transaction that has taken its place before one that has already written about the subject, and keeps nothing of it", async () => {
    const conflicting = await opened();
    const later = newEvent({ subject: "thing/contested" });
    await appendTo(database, [later]);
    await expect(
      conflicting.run((tx) => appendIn(tx, newEvent({ subject: "thing/other" }), newEvent({ subject: "thing/contested" }))),
    ).rejects.toThrow(WriteConflictError);
    await conflicting.rollback();
    await eventually(async () => idsOf(await readAll())).toEqual([later.id]);
  });

  const [red, blue, ada] = [randomUUID(), randomUUID(), randomUUID()];
  it.each<[string, Scope, string | null, Scope, string | null]>([
    ["of another organization", tenantScope(blue), blue, tenantScope(red), red],
    ["of no organization", everyTenant, null, tenantScope(red), red],
    ["of an organization, for a call of none", tenantScope(red), red, userScope(ada), null],
    ["for a call that sees no tenant's rows", everyTenant, null, { tenant: "none" }, null],
  ])(
    "refuses an conflicting transaction also where the event that overtook it is not visible to it: one %s",
    async (_case, laterScope, laterTenant, scope, tenant) => {
      const subject = `user/${randomUUID()}`;
      const conflicting = await opened(scope);
      await appendTo(database, [newEvent({ subject, organizationId: laterTenant })], laterScope);
      await expect(conflicting.run((tx) => appendIn(tx, newEvent({ subject, organizationId: tenant })))).rejects.toThrow(
        WriteConflictError,
      );
      await conflicting.rollback();
    },
  );

  it("does not refuse a transaction because a later one wrote about another subject", async () => {
    const earlier = await opened();
    await appendTo(database, [newEvent({ subject: "thing/other" })]);
    await expect(earlier.run((tx) => appendIn(tx, newEvent({ subject: "thing/mine" })))).resolves.toBeUndefined();
    await earlier.commit();
  });

  it("does not refuse a transaction because an earlier one wrote about the subject", async () => {
    const earlier = await opened();
    const later = await opened();
    await earlier.run((tx) => appendIn(tx, newEvent({ subject: "thing/shared" })));
    await earlier.commit();
    await expect(later.run((tx) => appendIn(tx, newEvent({ subject: "thing/shared" })))).resolves.toBeUndefined();
    await later.commit();
  });

  it("does not refuse a transaction because a later one about the subject is still open, or was rolled back: neither saw the other", async () => {
    const [earlier, open, undone] = [await opened(), await opened(), await opened()];
    await open.run((tx) => appendIn(tx, newEvent({ subject: "thing/shared" })));
    await undone.run((tx) => appendIn(tx, newEvent({ subject: "thing/shared" })));
    await undone.rollback();
    await expect(earlier.run((tx) => appendIn(tx, newEvent({ subject: "thing/shared" })))).resolves.toBeUndefined();
    await earlier.commit();
    await open.commit();
  });

  it("does not refuse a transaction its own earlier events", async () => {
    const own = await opened();
    await own.run((tx) => appendIn(tx, newEvent({ subject: "thing/twice" })));
    await expect(own.run((tx) => appendIn(tx, newEvent({ subject: "thing/twice" })))).resolves.toBeUndefined();
    await own.commit();
  });

  type Action =
    | { readonly kind: "begin" | "append" | "commit" | "rollback"; readonly slot: number }
    | { readonly kind: "read"; readonly limit: number };
  const slots = 6;
  const action: fc.Arbitrary<Action> = fc.oneof(
    { weight: 3, arbitrary: fc.record({ kind: fc.constant("begin" as const), slot: fc.nat(slots - 1) }) },
    { weight: 5, arbitrary: fc.record({ kind: fc.constant("append" as const), slot: fc.nat(slots - 1) }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant("commit" as const), slot: fc.nat(slots - 1) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("rollback" as const), slot: fc.nat(slots - 1) }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant("read" as const), limit: fc.integer({ min: 1, max: 5 }) }) },
  );

  it("gives every reader each committed event exactly once, whatever the interleaving of several open transactions", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 10, maxLength: 50 }), async (actions) => {
        const from = (await readFrom(database)).at(-1)?.position ?? beginning;
        const eagerFrom = (await tailFrom("0")).horizon;
        const open = new Map<number, { readonly held: HeldTransaction; readonly ids: string[] }>();
        const committed = new Set<string>();
        const read: LoggedEvent[] = [];
        const readEagerly = new Set<string>();
        let eagerHorizon = eagerFrom;
        const readOnce = new Set<string>();
        let { cursor } = await tailFrom("0");

        const readOn = async (limit: number): Promise<number> => {
          const page = await readFrom(database, read.at(-1)?.position ?? from, { limit });
          for (const event of page) expect(committed, "a reader has passed what is not committed").toContain(event.id);
          read.push(...page);
          const tail = await tailFrom(eagerHorizon);
          eagerHorizon = tail.horizon;
          for (const event of tail.events) readEagerly.add(event.id);
          // Eager: whatever is committed has been handed over by now, also beyond the horizon.
          for (const id of committed) expect(readEagerly, "the tail has missed an event").toContain(id);
          const since = (await database.read(everyTenant, (db) => readSince(db, cursor))) as Tail;
          cursor = since.cursor;
          for (const { id } of since.events) {
            expect(readOnce, "a reader with a cursor has read an event twice").not.toContain(id);
            readOnce.add(id);
          }
          for (const id of committed) expect(readOnce, "a reader with a cursor has missed an event").toContain(id);
          return page.length;
        };
        const end = async (slot: number, how: "commit" | "rollback") => {
          const transaction = open.get(slot);
          if (!transaction) return;
          open.delete(slot);
          await transaction.held[how]();
          if (how === "commit") for (const id of transaction.ids) committed.add(id);
        };
        const step = async (next: Action): Promise<void> => {
          if (next.kind === "read") return void (await readOn(next.limit));
          if (next.kind === "commit" || next.kind === "rollback") return end(next.slot, next.kind);
          const known = open.get(next.slot);
          if (next.kind === "begin") {
            if (!known) open.set(next.slot, { held: await opened(), ids: [] });
            return;
          }
          const transaction = known ?? { held: await holdTransaction(database), ids: [] };
          open.set(next.slot, transaction);
          // A subject of its own: this property is about the order of commits, the next one about subjects.
          const event = newEvent({ subject: `thing/${randomUUID()}` });
          await transaction.held.run((tx) => appendIn(tx, event));
          transaction.ids.push(event.id);
        };

        try {
          for (const next of actions) await step(next);
        } finally {
          for (const slot of [...open.keys()]) await end(slot, slot % 2 === 0 ? "commit" : "rollback");
        }
        await eventually(async () => {
          while ((await readOn(3)) > 0) {
            // To the end, in small pages.
          }
          return read.length;
        }).toBe(committed.size);
        expect(new Set(idsOf(read))).toEqual(committed);
        expect(readOnce).toEqual(committed);
        for (const [index, event] of read.entries()) {
          const before = read[index - 1];
          if (before) expect(isAfter(event.position, before.position)).toBe(true);
        }
      }),
      { numRuns: 40, endOnFailure: true },
    );
  }, 60_000);

  it("keeps the order of every subject among transactions that wait for each other, commit, roll back and are conflicting", async () => {
    const subjects = ["thing/a", "thing/b", "thing/c"];
    await sql`insert into aggregates (name) values ${sql.join(subjects.map((name) => sql`(${name})`))}`.execute(database.owner);
    const [writers, each] = [8, 25];
    let conflicting = 0;
    const random = seeded(20_260_101);

    /** As a command does: lock the state, change it, append what happened, commit; begun anew when conflicting. */
    const change = async (subject: string, takesPlaceFirst: boolean, fails: boolean): Promise<void> => {
      try {
        await database.transact(everyTenant, async (tx) => {
          if (takesPlaceFirst) await revisionOf(tx);
          const { rows } = await sql<{ changes: number }>`
            update aggregates set changes = changes + 1 where name = ${subject} returning changes`.execute(tx);
          await appendIn(tx, newEvent({ type: "thing.changed.v1", subject, data: { change: rows[0]?.changes } }));
          if (fails) throw new Error("the command failed");
        });
      } catch (error) {
        if (error instanceof WriteConflictError) {
          conflicting += 1;
          return change(subject, takesPlaceFirst, fails);
        }
        if (!fails) throw error;
      }
    };
    let writing = true;
    const read: LoggedEvent[] = [];
    const readOn = async (): Promise<number> => {
      const page = await readFrom(database, read.at(-1)?.position ?? start, { limit: 7 });
      read.push(...page);
      return page.length;
    };
    const reader = (async () => {
      while (writing) await readOn();
    })();
    await Promise.all(
      Array.from({ length: writers }, async () => {
        for (let round = 0; round < each; round += 1) {
          await change(subjects[Math.floor(random() * subjects.length)] as string, random() < 0.5, random() < 0.15);
        }
      }),
    );
    writing = false;
    await reader;

    const { rows } = await sql<{ name: string; changes: number }>`select name, changes from aggregates`.execute(database.owner);
    const expected = rows.reduce((sum, row) => sum + row.changes, 0);
    await eventually(async () => {
      await readOn();
      return read.length;
    }).toBe(expected);
    for (const { name, changes } of rows) {
      const seen = read.filter((event) => event.subject === name).map((event) => event.data["change"]);
      expect(seen).toEqual(Array.from({ length: changes }, (_, index) => index + 1));
    }
    // Otherwise the writers were too polite to each other for the test to show anything.
    expect(conflicting).toBeGreaterThan(0);
  }, 60_000);
});

const isAfter = (left: Position, right: Position): boolean =>
  BigInt(left.transaction) > BigInt(right.transaction) ||
  (left.transaction === right.transaction && BigInt(left.sequence) > BigInt(right.sequence));

/** A small repeatable source of chance (mulberry32), so that a failure can be run again. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
