import { randomBytes } from "node:crypto";
import { eventually } from "@gatehouse/testing/eventually.ts";
import { sql } from "kysely";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Database, everyTenant, type WriteHandle } from "../../database/database.ts";
import { type SchemaStep, sharedTable } from "../../database/migrations.ts";
import { appendTo, idsOf, newEvent } from "../../log/conformance/events.ts";
import type { LoggedEvent, NewEvent } from "../../log/event.ts";
import { logSteps } from "../../log/log.ts";
import { Unavailable } from "../../unavailable.ts";
import type { Bus, Consumer } from "../bus.ts";
import { busSteps } from "../in-process.ts";

/** The log, the bus's own tables, and one that handlers write into. */
export const busContractSteps: readonly SchemaStep[] = [
  ...logSteps,
  ...busSteps,
  {
    name: "9000_contract_effects",
    why: "what a handler writes, to see that it counts once",
    async up(db) {
      await sql`create table effects (
        number bigint generated always as identity, consumer text not null, event_id uuid not null)`.execute(db);
      await sharedTable(db, "effects");
    },
  },
];

/** An adapter on a database of its own. */
export interface BusUnderTest {
  readonly database: Database;
  /** How the database is reached, where it is on a server. */
  readonly url?: string;
  /** Starts the adapter as another process would; closed by the contract. */
  start(): Bus;
  close(): Promise<void>;
}

/** Everything that the contract's tests work with; also for tests of what only one adapter or database can show. */
export function busFixture(make: () => Promise<BusUnderTest>) {
  let made: BusUnderTest;
  let suffix = "";
  const started: Bus[] = [];
  beforeAll(async () => {
    made = await make();
  }, 60_000);
  beforeEach(() => {
    // Types and names of a test's own: the log is one for all of them.
    suffix = randomBytes(4).toString("hex");
  });
  afterEach(async () => {
    await Promise.all(started.splice(0).map((bus) => bus.close()));
  });
  afterAll(() => made?.close());

  const type = (name = "happened") => `thing.${name}_${suffix}.v1`;
  const nameOf = (purpose = "test") => `contract.${purpose}_${suffix}`;
  const writeEffects = async (consumer: string, events: readonly LoggedEvent[], tx: WriteHandle): Promise<void> => {
    for (const event of events) await sql`insert into effects (consumer, event_id) values (${consumer}, ${event.id})`.execute(tx);
  };

  return {
    get database() {
      return made.database;
    },
    get url(): string {
      return made.url as string;
    },
    start(): Bus {
      const bus = made.start();
      started.push(bus);
      return bus;
    },
    type,
    name: nameOf,
    event: (given: Partial<NewEvent> = {}) => newEvent({ type: type(), ...given }),
    /** A consumer that writes down, in its transaction, what it was handed. */
    consumer: (given: Partial<Consumer> = {}): Consumer & { readonly handled: LoggedEvent[] } => {
      const handled: LoggedEvent[] = [];
      const name = given.name ?? nameOf();
      return {
        name,
        types: [type()],
        handle: async (events, tx) => {
          await writeEffects(name, events, tx);
          handled.push(...events);
        },
        ...given,
        handled,
      };
    },
    writeEffects,
    effects: async (consumer = nameOf()): Promise<string[]> => {
      const { rows } = await made.database.read(everyTenant, (db) =>
        sql<{ event_id: string }>`select event_id from effects where consumer = ${consumer} order by number`.execute(db as never),
      );
      return rows.map((row) => row.event_id);
    },
    deadLetters: async (consumer = nameOf()): Promise<{ event_id: string; attempts: number; failure: string }[]> => {
      const { rows } = await made.database.read(everyTenant, (db) =>
        sql<{ event_id: string; attempts: number; failure: string }>`
          select event_id, attempts, failure from dead_letters where consumer = ${consumer} order by failed_at`.execute(db as never),
      );
      return rows;
    },
    append: (...events: readonly NewEvent[]) => appendTo(made.database, events),
  };
}

/** What every bus adapter promises. */
export function busConformance(name: string, make: () => Promise<BusUnderTest>): void {
  describe(`bus: ${name}`, () => {
    const on = busFixture(make);

    it("hands a consumer what it asks for, as it was appended, and nothing else", async () => {
      const wanted = on.event({ subject: "thing/ü", data: { text: "“x”", list: [1, null] } });
      const consumer = on.consumer();
      await on.append(wanted, on.event({ type: on.type("unwanted") }));
      const subscription = await on.start().consume(consumer);
      await subscription.idle();
      expect(consumer.handled).toEqual([expect.objectContaining(wanted)]);
    });

    it("starts a new consumer at the beginning of the log", async () => {
      const before = [on.event(), on.event(), on.event()];
      for (const event of before) await on.append(event);
      const bus = on.start();
      await (await bus.consume(on.consumer())).idle();
      const late = on.consumer({ name: on.name("late") });
      await (await bus.consume(late)).idle();
      expect(idsOf(late.handled)).toEqual(idsOf(before));
    });

    it("has nothing for a consumer of what never happened, and is idle", async () => {
      const consumer = on.consumer({ types: [on.type("never")] });
      const subscription = await on.start().consume(consumer);
      await subscription.idle();
      expect(consumer.handled).toEqual([]);
    });

    it("brings what is appended while it runs, woken or not", async () => {
      const bus = on.start();
      const consumer = on.consumer();
      await bus.consume(consumer);
      const [woken, found] = [on.event(), on.event()];
      await on.append(woken);
      bus.wake();
      await eventually(() => idsOf(consumer.handled)).toEqual([woken.id]);
      await on.append(found);
      await eventually(() => idsOf(consumer.handled)).toEqual([woken.id, found.id]);
    });

    it("is idle only once everything that was in the log has been handled", async () => {
      const bus = on.start();
      const consumer = on.consumer();
      const subscription = await bus.consume(consumer);
      for (let round = 1; round <= 5; round += 1) {
        await on.append(on.event(), on.event());
        await subscription.idle();
        expect(consumer.handled).toHaveLength(2 * round);
      }
    });

    it.each([1, 3, 100])("keeps the order of each subject, in batches of %i", async (batch) => {
      const events = Array.from({ length: 20 }, (_, index) => on.event({ subject: `thing/${index % 3}`, data: { index } }));
      for (const event of events) await on.append(event);
      const sizes: number[] = [];
      const consumer = on.consumer({ batch });
      const subscription = await on.start().consume({
        ...consumer,
        handle: async (received, tx) => {
          sizes.push(received.length);
          await consumer.handle(received, tx);
        },
      });
      await subscription.idle();
      for (const subject of ["thing/0", "thing/1", "thing/2"]) {
        const indexes = consumer.handled.filter((event) => event.subject === subject).map((event) => event.data["index"]);
        expect(indexes).toEqual(events.filter((event) => event.subject === subject).map((event) => event.data["index"]));
      }
      expect(Math.max(...sizes)).toBeLessThanOrEqual(batch);
      expect(await on.effects()).toEqual(idsOf(events));
    });

    it.each([1, 3, 100])("hands an eager consumer at most %i events at once, and each once", async (batch) => {
      const events = Array.from({ length: 20 }, (_, index) => on.event({ subject: `thing/${index % 3}` }));
      await on.append(...events);
      const sizes: number[] = [];
      const consumer = on.consumer({ eager: true, batch });
      const subscription = await on.start().consume({
        ...consumer,
        handle: async (received, tx) => {
          sizes.push(received.length);
          await consumer.handle(received, tx);
        },
      });
      await subscription.idle();
      expect(Math.max(...sizes)).toBe(Math.min(batch, events.length));
      expect(idsOf(consumer.handled)).toEqual(idsOf(events));
    });

    it("serves each consumer by its own name, one's place is not the other's", async () => {
      const bus = on.start();
      const [one, other] = [on.consumer({ name: on.name("one") }), on.consumer({ name: on.name("other") })];
      const first = on.event();
      await on.append(first);
      await (await bus.consume(one)).idle();
      const second = on.event();
      await on.append(second);
      await (await bus.consume(other)).idle();
      expect(idsOf(other.handled)).toEqual([first.id, second.id]);
      await eventually(() => idsOf(one.handled)).toEqual([first.id, second.id]);
    });

    it("hands an event over again after its handler failed, keeps nothing of the failed try, and then goes on in order", async () => {
      const events = [on.event(), on.event(), on.event()];
      await on.append(...events);
      const tries: string[] = [];
      const consumer = on.consumer();
      const subscription = await on.start().consume({
        ...consumer,
        handle: async (received, tx) => {
          tries.push(...idsOf(received));
          await on.writeEffects(on.name(), received, tx);
          if (tries.length <= 2) throw new Error("not yet");
        },
      });
      await subscription.idle();
      expect(tries).toEqual([events[0]?.id, events[0]?.id, ...idsOf(events)]);
      expect(await on.effects()).toEqual(idsOf(events));
      expect(await on.deadLetters()).toEqual([]);
    });

    it("commits effects and progress together: a try whose statement failed unheard counts as failed", async () => {
      const event = on.event();
      await on.append(event);
      let tries = 0;
      const subscription = await on.start().consume({
        ...on.consumer(),
        handle: async (received, tx) => {
          tries += 1;
          await on.writeEffects(on.name(), received, tx);
          if (tries === 1) await sql`select 1/0`.execute(tx).catch(() => {});
        },
      });
      await subscription.idle();
      expect(tries).toBe(2);
      expect(await on.effects()).toEqual([event.id]);
    });

    it("tells a consumer of what is committed, once it is", async () => {
      const event = on.event();
      await on.append(event);
      const seen: { id: string; effects: number }[] = [];
      const checks: Promise<void>[] = [];
      const consumer = on.consumer({
        committed: (events) => {
          checks.push(
            (async () => {
              const effects = await on.effects();
              for (const { id } of events) seen.push({ id, effects: effects.length });
            })(),
          );
          throw new Error("what is done afterwards failed");
        },
      });
      await (await on.start().consume(consumer)).idle();
      await Promise.all(checks);
      expect(seen).toEqual([{ id: event.id, effects: 1 }]);
      expect(idsOf(consumer.handled)).toEqual([event.id]);
    });

    it.each([1, 10])(
      "puts an event that always fails aside as a dead letter, with the reason, and goes on with the rest (batches of %i)",
      async (batch) => {
        const events = [on.event(), on.event({ data: { poison: true } }), on.event(), on.event()];
        await on.append(...events);
        let tries = 0;
        const subscription = await on.start().consume({
          ...on.consumer({ batch }),
          handle: async (received, tx) => {
            await on.writeEffects(on.name(), received, tx);
            if (!received.some((event) => event.data["poison"])) return;
            tries += 1;
            throw new Error("cannot be handled: token ghs_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG");
          },
        });
        await subscription.idle();
        expect(await on.effects()).toEqual([events[0]?.id, events[2]?.id, events[3]?.id]);
        expect(await on.deadLetters()).toEqual([{ event_id: events[1]?.id, attempts: 6, failure: "cannot be handled: token [secret]" }]);
        expect(tries).toBeGreaterThanOrEqual(6);
      },
      20_000,
    );

    it("puts nothing aside because a dependency is away: the event waits, in its place, until it is back", async () => {
      const events = [on.event(), on.event()];
      await on.append(...events);
      let tries = 0;
      const consumer = on.consumer();
      const subscription = await on.start().consume({
        ...consumer,
        handle: async (received, tx) => {
          tries += 1;
          // More often than a poisoned event would be tried.
          if (tries <= 7) throw new Unavailable("mail", new Error("no route"));
          await consumer.handle(received, tx);
        },
      });
      await subscription.idle();
      expect(tries).toBe(9);
      expect(idsOf(consumer.handled)).toEqual(idsOf(events));
      expect(await on.deadLetters()).toEqual([]);
    }, 20_000);

    it("goes on where it stopped after a restart", async () => {
      const events = [on.event(), on.event(), on.event(), on.event()];
      await on.append(...events.slice(0, 2));
      const first = on.start();
      await (await first.consume(on.consumer())).idle();
      await first.close();
      await on.append(...events.slice(2));
      const after = on.consumer();
      await (await on.start().consume(after)).idle();
      expect(idsOf(after.handled)).toEqual(idsOf(events.slice(2)));
      expect(await on.effects()).toEqual(idsOf(events));
    });

    it("lets a handler that runs finish before it is closed, and hands over nothing after", async () => {
      const [entered, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const events = [on.event(), on.event()];
      await on.append(...events);
      const bus = on.start();
      await bus.consume({
        ...on.consumer(),
        handle: async (received, tx) => {
          entered.resolve();
          await goOn.promise;
          await on.writeEffects(on.name(), received, tx);
        },
      });
      await entered.promise;
      const closed = bus.close();
      goOn.resolve();
      await closed;
      expect(await on.effects()).toEqual([events[0]?.id]);

      const after = on.consumer();
      await (await on.start().consume(after)).idle();
      expect(idsOf(after.handled)).toEqual([events[1]?.id]);
    });

    it("closes one subscription and leaves the others", async () => {
      const bus = on.start();
      const [one, other] = [on.consumer({ name: on.name("one") }), on.consumer({ name: on.name("other") })];
      const closing = await bus.consume(one);
      const staying = await bus.consume(other);
      await closing.close();
      await on.append(on.event());
      bus.wake();
      await staying.idle();
      expect(one.handled).toEqual([]);
      expect(other.handled).toHaveLength(1);
    });

    it("does not handle one event twice when two processes consume under one name", async () => {
      const events = Array.from({ length: 40 }, (_, index) => on.event({ subject: `thing/${index % 4}` }));
      await on.append(...events.slice(0, 20));
      const [one, other] = [on.start(), on.start()];
      const subscriptions = await Promise.all([one, other].map((bus) => bus.consume(on.consumer({ batch: 3 }))));
      for (const event of events.slice(20)) {
        await on.append(event);
        one.wake();
        other.wake();
      }
      await Promise.all(subscriptions.map((subscription) => subscription.idle()));
      expect(await on.effects()).toEqual(idsOf(events));
    });

    describe("an eager consumer", () => {
      it("is handed everything, from the beginning of the log", async () => {
        const events = [on.event(), on.event({ subject: "thing/2" }), on.event()];
        await on.append(...events);
        const consumer = on.consumer({ eager: true });
        const subscription = await on.start().consume(consumer);
        await subscription.idle();
        expect(idsOf(consumer.handled)).toEqual(idsOf(events));
        const later = on.event();
        await on.append(later);
        await subscription.idle();
        expect(idsOf(consumer.handled)).toEqual(idsOf([...events, later]));
      });

      it("is handed nothing twice within one process", async () => {
        const bus = on.start();
        const consumer = on.consumer({ eager: true });
        const subscription = await bus.consume(consumer);
        for (let round = 0; round < 5; round += 1) {
          await on.append(on.event());
          bus.wake();
          await subscription.idle();
          await subscription.idle();
        }
        expect(consumer.handled).toHaveLength(5);
      });

      it("misses nothing over a restart", async () => {
        const events = [on.event(), on.event(), on.event()];
        const first = on.start();
        await on.append(events[0] as NewEvent);
        await (await first.consume(on.consumer({ eager: true }))).idle();
        await first.close();
        await on.append(...events.slice(1));
        await (await on.start().consume(on.consumer({ eager: true }))).idle();
        expect(new Set(await on.effects())).toEqual(new Set(idsOf(events)));
      });

      it("is not stopped for good by an event that always fails", async () => {
        const events = [on.event({ data: { poison: true } }), on.event(), on.event()];
        await on.append(...events);
        const subscription = await on.start().consume({
          ...on.consumer({ eager: true }),
          handle: async (received, tx) => {
            if (received.some((event) => event.data["poison"])) throw new Error("cannot be handled");
            await on.writeEffects(on.name(), received, tx);
          },
        });
        await subscription.idle();
        expect(await on.effects()).toEqual(idsOf(events.slice(1)));
        expect(await on.deadLetters()).toMatchObject([{ event_id: events[0]?.id }]);
      }, 20_000);
    });

    it("hands a dead letter over again, drops another, and puts aside anew what fails anew", async () => {
      let failing = true;
      const consumer = on.consumer({
        handle: async (events, tx) => {
          if (failing) throw new Error("not now");
          await on.writeEffects(on.name(), events, tx);
        },
      });
      const [again, gone] = [on.event(), on.event()];
      await on.append(again);
      await on.append(gone);
      const bus = on.start();
      const subscription = await bus.consume(consumer);
      await subscription.idle();
      const letters = bus.deadLetters(on.name());
      const ids = async () => (await letters.list({ limit: 10 })).items.map(({ id }) => id).toSorted();
      expect(await ids()).toEqual([again.id, gone.id].toSorted());
      const first = await letters.list({ limit: 1 });
      const second = await letters.list({ limit: 1, after: first.next as string });
      expect([...first.items, ...second.items].map(({ id }) => id).toSorted()).toEqual([again.id, gone.id].toSorted());
      expect(second.next).toBeNull();

      expect(await letters.redrive(again.id)).toBe(true);
      await eventually(ids).toEqual([again.id, gone.id].toSorted());
      expect(await on.effects()).toEqual([]);

      expect(await letters.drop(gone.id)).toBe(true);
      failing = false;
      expect(await letters.redriveAll()).toBe(1);
      await eventually(() => on.effects()).toEqual([again.id]);
      expect(await ids()).toEqual([]);
      for (const act of [letters.redrive, letters.drop]) expect(await act(gone.id)).toBe(false);
      expect(await letters.redriveAll()).toBe(0);
    });

    it("answers a ping while it can carry events", async () => {
      await expect(on.start().ping()).resolves.toBeUndefined();
    });
  });
}
