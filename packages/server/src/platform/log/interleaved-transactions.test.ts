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

// One connection proves no race: these tests need several open transactions.
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
    // Appended and awaited, so that a test begins at a horizon that no transaction holds back.
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
  /** Begins a transaction and assigns its id, as its first write would. */
  const opened = async (scope?: Scope): Promise<HeldTransaction & { readonly revision: string }> => {
    const held = await holdTransaction(database, scope);
    return { ...held, revision: await held.run(revisionOf) };
  };

  it("a reader waits for a transaction that took its number earlier and commits later, and misses none of its events", async () => {
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

  it("a reader does not pass a transaction that has an id but has not appended yet", async () => {
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

  it("readers continue at once when the transaction that they wait for is rolled back", async () => {
    const slow = await opened();
    await slow.run((tx) => appendIn(tx, newEvent({ subject: "thing/slow" })));
    const quick = newEvent({ subject: "thing/quick" });
    await appendTo(database, [quick]);
    expect(await readAll()).toEqual([]);
    await slow.rollback();
    await eventually(async () => idsOf(await readAll())).toEqual([quick.id]);
  });

  it("readers continue when the connection of an open transaction breaks", async () => {
    const slow = await opened();
    await slow.run((tx) => appendIn(tx, newEvent({ subject: "thing/slow" })));
    const quick = newEvent({ subject: "thing/quick" });
    await appendTo(database, [quick]);
    const pid = await slow.run(async (tx) => (await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(tx)).rows[0]?.pid);
    await sql`select pg_terminate_backend(${pid})`.execute(database.owner);
    await eventually(async () => idsOf(await readAll())).toEqual([quick.id]);
    await expect(slow.commit()).rejects.toThrow();
  });

  it("the tail is returned past an open transaction, and repeats events until they are below the horizon", async () => {
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

  it("two transactions about one subject are in causal order if the later one saw the earlier one", async () => {
    const first = newEvent();
    await appendTo(database, [first]);
    const second = newEvent();
    await appendTo(database, [second]);
    await eventually(async () => idsOf(await readAll())).toEqual([first.id, second.id]);
  });

  it("a transaction is rejected and rolled back if a later one has already written about its subject", async () => {
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
    "a conflicting transaction is rejected even if the conflicting event is not visible to it: one %s",
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

  it("a transaction is not rejected because a later one wrote about another subject", async () => {
    const earlier = await opened();
    await appendTo(database, [newEvent({ subject: "thing/other" })]);
    await expect(earlier.run((tx) => appendIn(tx, newEvent({ subject: "thing/mine" })))).resolves.toBeUndefined();
    await earlier.commit();
  });

  it("a transaction is not rejected because an earlier one wrote about the subject", async () => {
    const earlier = await opened();
    const later = await opened();
    await earlier.run((tx) => appendIn(tx, newEvent({ subject: "thing/shared" })));
    await earlier.commit();
    await expect(later.run((tx) => appendIn(tx, newEvent({ subject: "thing/shared" })))).resolves.toBeUndefined();
    await later.commit();
  });

  it("a transaction is not rejected because a later one about the subject is open or was rolled back", async () => {
    const [earlier, open, undone] = [await opened(), await opened(), await opened()];
    await open.run((tx) => appendIn(tx, newEvent({ subject: "thing/shared" })));
    await undone.run((tx) => appendIn(tx, newEvent({ subject: "thing/shared" })));
    await undone.rollback();
    await expect(earlier.run((tx) => appendIn(tx, newEvent({ subject: "thing/shared" })))).resolves.toBeUndefined();
    await earlier.commit();
    await open.commit();
  });

  it("a transaction may append about the subject of its own earlier events", async () => {
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

  it("every reader receives each committed event exactly once, for any interleaving of open transactions", async () => {
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
          // Eager: every committed event has been returned by now, also beyond the horizon.
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
          // A unique subject: this property is about the order of commits, the next one about subjects.
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
            // Reads to the end in small pages.
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

  it("events of every subject stay ordered while transactions wait for each other, commit, roll back and conflict", async () => {
    const subjects = ["thing/a", "thing/b", "thing/c"];
    await sql`insert into aggregates (name) values ${sql.join(subjects.map((name) => sql`(${name})`))}`.execute(database.owner);
    const [writers, each] = [8, 25];
    let conflicting = 0;
    const random = seeded(20_260_101);

    /** Like a command: lock the state, change it, append the event, commit; retry after a conflict. */
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
    // Without conflicts the test would prove nothing.
    expect(conflicting).toBeGreaterThan(0);
  }, 60_000);
});

const isAfter = (left: Position, right: Position): boolean =>
  BigInt(left.transaction) > BigInt(right.transaction) ||
  (left.transaction === right.transaction && BigInt(left.sequence) > BigInt(right.sequence));

/** A seeded random number generator (mulberry32), so that a failure is reproducible. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
