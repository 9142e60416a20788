import { eventually } from "@gatehouse/testing/eventually.ts";
import { describe, expect, it } from "vitest";
import { Unavailable } from "../../database/driver-errors.ts";
import { NonRetryableError } from "../../non-retryable-error.ts";
import { policies } from "../../resilience/policies.ts";
import type { Envelope } from "../cloud-event.ts";
import { type BrokerUnderTest, brokerFixture, idsOf, impatient } from "./broker-fixture.ts";
import { deadLettersConformance } from "./dead-letters-conformance.ts";
import { foreignConformance } from "./foreign-conformance.ts";

/** Half of a stop's grace time (10 s). */
const closeMsMax = 5_000;

/** The contract of the broker port, for every adapter. */
export function brokerConformance(name: string, make: () => Promise<BrokerUnderTest>): void {
  describe(`broker: ${name}`, () => {
    const on = brokerFixture(make);

    it("delivers published events unchanged, of any size and script, and no others", async () => {
      const broker = on.start();
      const consumer = on.consumer();
      await broker.consume(consumer).ready();
      const large = on.event({ data: { text: "“ünïcode” \u{1F511} ".repeat(20_000), nothing: null, list: [1, { two: 2 }] } });
      const other = on.event({ subject: "thing/ü \u{1F511}" });
      await broker.publish([...on.messages(large, other), { exchange: on.exchange("other"), event: on.event() }]);
      await eventually(() => consumer.handled).toHaveLength(2);
      expect(consumer.handled).toEqual(expect.arrayContaining([large, other]));
    });

    it("delivers nothing if nothing was published", async () => {
      const broker = on.start();
      const [consumer, observer] = [on.consumer(), on.consumer({ name: on.name("observer"), exchange: on.exchange("other") })];
      await Promise.all([consumer, observer].map((each) => broker.consume(each).ready()));
      await broker.publish([]);
      await broker.publish([{ exchange: on.exchange("other"), event: on.event() }]);
      await eventually(() => observer.handled).toHaveLength(1);
      expect(consumer.handled).toEqual([]);
      expect(await broker.deadLetters(consumer).list({ limit: 10 })).toEqual({ items: [], next: null });
    });

    it.each<[readonly string[], readonly string[]]>([
      [["thing.happened"], ["thing.happened.v1", "thing.happened.v2"]],
      [["thing.*"], ["thing.happened.v1", "thing.ended.v1", "thing.happened.v2"]],
      [["thing.#"], ["thing.happened.v1", "thing.ended.v1", "thing.part.ended.v1", "thing.happened.v2"]],
      [["*.ended"], ["thing.ended.v1", "other.ended.v1"]],
      [
        ["thing.part.ended", "other.*"],
        ["thing.part.ended.v1", "other.ended.v1"],
      ],
    ])("delivers the topics %j in any version", async (topics, expected) => {
      const broker = on.start();
      const types = ["thing.happened.v1", "thing.ended.v1", "thing.part.ended.v1", "other.ended.v1", "thing.happened.v2"];
      const consumer = on.consumer({ topics });
      // Kafka's families are existing topics, and a wildcard subscriber discovers new ones later.
      await broker.publish(on.messages(...types.map((type) => on.event({ type, subject: "thing/before" }))));
      await broker.consume(consumer).ready();
      await broker.publish(on.messages(...types.map((type) => on.event({ type }))));
      const came = () => consumer.handled.filter(({ subject }) => subject === "thing/1").map(({ type }) => type);
      await eventually(() => came().toSorted()).toEqual(expected.toSorted());
    });

    it("delivers each subject's messages in order, one at a time, and other subjects concurrently", async () => {
      const broker = on.start();
      const running = new Map<string, number>();
      let most = 0;
      const consumer = on.consumer({
        inFlightMax: 8,
        handle: async ({ event }) => {
          const subject = event.subject as string;
          running.set(subject, (running.get(subject) ?? 0) + 1);
          expect(running.get(subject)).toBe(1);
          most = Math.max(
            most,
            [...running.values()].reduce((sum, count) => sum + count),
          );
          await new Promise((resolve) => setImmediate(resolve));
          running.set(subject, 0);
        },
      });
      await broker.consume(consumer).ready();
      const events = Array.from({ length: 200 }, (_, index) => on.event({ subject: `thing/${index % 7}`, data: { index } }));
      for (let from = 0; from < events.length; from += 40) await broker.publish(on.messages(...events.slice(from, from + 40)));
      await eventually(() => consumer.handled).toHaveLength(events.length);
      for (let subject = 0; subject < 7; subject += 1) {
        const of = (all: readonly Envelope[]) => idsOf(all.filter((event) => event.subject === `thing/${subject}`));
        expect(of(consumer.handled)).toEqual(of(events));
      }
      expect(most).toBeGreaterThan(1);
    });

    it("retries a message after a rejection, while its subject waits and others continue", async () => {
      const broker = on.start();
      const [bad, behind, other] = [on.event(), on.event(), on.event({ subject: "thing/2" })];
      const order: string[] = [];
      const goOn = Promise.withResolvers<void>();
      const consumer = on.consumer({
        handle: async ({ event, attempt }) => {
          order.push(`${event.id} ${attempt}`);
          if (event.id === bad.id && attempt === 1) throw new Error("not yet");
          if (event.id === bad.id) await goOn.promise;
        },
      });
      await broker.consume(consumer).ready();
      await broker.publish(on.messages(bad, behind, other));
      await eventually(() => idsOf(consumer.handled)).toEqual([other.id]);
      goOn.resolve();
      await eventually(() => idsOf(consumer.handled)).toEqual([other.id, bad.id, behind.id]);
      expect(order.filter((entry) => !entry.startsWith(other.id))).toEqual([`${bad.id} 1`, `${bad.id} 2`, `${behind.id} 1`]);
    });

    it("waits for an unavailable dependency of the handler, without dead letters", async () => {
      const broker = on.start();
      let tries = 0;
      const consumer = on.consumer({
        handle: async () => {
          tries += 1;
          if (tries <= impatient.attemptsMax + 2) throw new Unavailable("database", new Error("refused"));
        },
      });
      await broker.consume(consumer).ready();
      await broker.publish(on.messages(on.event()));
      await eventually(() => consumer.handled).toHaveLength(1);
      expect((await broker.deadLetters(consumer).list({ limit: 10 })).items).toEqual([]);
    });

    it("dead-letters a failing message after its attempts, a non-retryable one at once, and continues", async () => {
      const broker = on.start();
      const [bad, hopeless, good] = [on.event(), on.event({ subject: "thing/2" }), on.event()];
      const tries: string[] = [];
      const consumer = on.consumer({
        handle: async ({ event }) => {
          tries.push(event.id);
          if (event.id === bad.id) throw new Error("cannot be for ada@example.com");
          if (event.id === hopeless.id) throw new NonRetryableError("not like this");
        },
      });
      await broker.consume(consumer).ready();
      await broker.publish(on.messages(bad, hopeless, good));
      await eventually(() => idsOf(consumer.handled)).toEqual([good.id]);
      await eventually(async () => (await broker.deadLetters(consumer).list({ limit: 10 })).items).toHaveLength(2);
      const { items } = await broker.deadLetters(consumer).list({ limit: 10 });
      expect(items).toEqual(
        expect.arrayContaining([
          expect.objectContaining({ id: bad.id, topic: "thing.happened", attempts: impatient.attemptsMax, body: JSON.stringify(bad) }),
          expect.objectContaining({ id: hopeless.id, attempts: 1, failure: "not like this" }),
        ]),
      );
      expect(JSON.stringify(items.map(({ failure }) => failure))).not.toContain("ada@example.com");
      expect(tries.filter((id) => id === bad.id)).toHaveLength(impatient.attemptsMax);
      expect(tries.filter((id) => id === hopeless.id)).toHaveLength(1);
    });

    it("dead-letters a message that is not a CloudEvent without calling the handler", async () => {
      const broker = on.start();
      const consumer = on.consumer();
      await broker.consume(consumer).ready();
      const good = on.event();
      await broker.publish(on.messages({ ...on.event(), specversion: "0.3" } as never, good));
      await eventually(() => idsOf(consumer.handled)).toEqual([good.id]);
      await eventually(async () => (await broker.deadLetters(consumer).list({ limit: 10 })).items).toHaveLength(1);
    });

    it("redelivers a message to another process if one dies between effect and acknowledgement, with one effect", async () => {
      const dying = on.start();
      const event = on.event();
      const effected = Promise.withResolvers<void>();
      await dying
        .consume(
          on.consumer({
            handle: async (received) => {
              await on.effectOnce(received);
              effected.resolve();
              await new Promise(() => {});
            },
          }),
        )
        .ready();
      await dying.publish(on.messages(event));
      await effected.promise;
      dying.abandon();
      const survivor = on.consumer({ handle: (received) => on.effectOnce(received) });
      await on.start().consume(survivor).ready();
      // At least once: a broker may deliver it twice, and the inbox deduplicates it.
      await eventually(() => idsOf(survivor.handled)).toContain(event.id);
      expect(await on.effects()).toEqual([event.id]);
    });

    it("has one effect of a message that was published twice", async () => {
      const broker = on.start();
      const [twice, last] = [on.event(), on.event()];
      const consumer = on.consumer({ handle: (received) => on.effectOnce(received) });
      await broker.consume(consumer).ready();
      await broker.publish(on.messages(twice));
      await broker.publish(on.messages(twice, last));
      await eventually(() => on.effects()).toEqual([twice.id, last.id]);
    });

    it("loses nothing and preserves the order when a process dies in the middle of a batch", async () => {
      const events = Array.from({ length: 60 }, (_, index) => on.event({ subject: `thing/${index % 3}` }));
      const publisher = on.start();
      const dying = on.start();
      let count = 0;
      const middle = Promise.withResolvers<void>();
      await dying
        .consume(
          on.consumer({
            handle: async (received) => {
              count += 1;
              if (count > 25) {
                middle.resolve();
                await new Promise(() => {});
              }
              await on.effectOnce(received);
            },
          }),
        )
        .ready();
      await publisher.publish(on.messages(...events));
      await middle.promise;
      dying.abandon();
      await on
        .start()
        .consume(on.consumer({ handle: (received) => on.effectOnce(received) }))
        .ready();
      await eventually(() => on.effects()).toHaveLength(events.length);
      const effects = await on.effects();
      for (let subject = 0; subject < 3; subject += 1) {
        const expected = idsOf(events.filter((event) => event.subject === `thing/${subject}`));
        expect(effects.filter((id) => expected.includes(id))).toEqual(expected);
      }
    });

    it("resumes after a stop with the messages that arrived meanwhile, and none that were handled", async () => {
      const publisher = on.start();
      const [before, meanwhile] = [on.event(), on.event()];
      const first = on.start();
      const consumer = on.consumer();
      await first.consume(consumer).ready();
      await publisher.publish(on.messages(before));
      await eventually(() => idsOf(consumer.handled)).toEqual([before.id]);
      await first.close();
      await publisher.publish(on.messages(meanwhile));
      const next = on.consumer();
      await on.start().consume(next).ready();
      await eventually(() => idsOf(next.handled)).toEqual([meanwhile.id]);
    });

    it("delivers everything to each of two consumers, and each message to one process of a consumer", async () => {
      const [one, two] = [on.start(), on.start()];
      const consumers = [on.consumer(), on.consumer({ name: on.name("other") })];
      await Promise.all(consumers.map((consumer) => one.consume(consumer).ready()));
      const second = on.consumer();
      two.consume(second);
      const events = Array.from({ length: 20 }, () => on.event());
      await one.publish(on.messages(...events));
      await eventually(() => consumers[1]?.handled).toHaveLength(20);
      const both = () => [...(consumers[0]?.handled ?? []), ...second.handled];
      await eventually(() => idsOf(both()).toSorted()).toEqual(idsOf(events).toSorted());
    });

    it("limits the messages in flight of a slow consumer", async () => {
      const broker = on.start();
      const goOn = Promise.withResolvers<void>();
      let handed = 0;
      const consumer = on.consumer({
        inFlightMax: 4,
        handle: () => {
          handed += 1;
          return goOn.promise;
        },
      });
      const observer = on.consumer({ name: on.name("observer") });
      await Promise.all([consumer, observer].map((each) => broker.consume(each).ready()));
      const events = Array.from({ length: 40 }, (_, index) => on.event({ subject: `thing/${index}` }));
      await broker.publish(on.messages(...events));
      await eventually(() => observer.handled).toHaveLength(40);
      await eventually(() => handed).toBe(4);
      goOn.resolve();
      await eventually(() => consumer.handled).toHaveLength(40);
    });

    it("reports the waiting messages of a slow consumer, and none of one that has handled all", async () => {
      const broker = on.start();
      const goOn = Promise.withResolvers<void>();
      const consumer = on.consumer({ inFlightMax: 2, handle: () => goOn.promise });
      const subscription = broker.consume(consumer);
      await subscription.ready();
      await broker.publish(on.messages(...Array.from({ length: 10 }, (_, index) => on.event({ subject: `thing/${index}` }))));
      // Messages in flight may be counted or not.
      await eventually(() => subscription.waiting().catch(() => 0)).toSatisfy((waiting) => waiting >= 8 && waiting <= 10);
      goOn.resolve();
      await eventually(() => consumer.handled).toHaveLength(10);
      await eventually(() => subscription.waiting()).toBe(0);
    });

    it("finishes a running handler before it is closed, and answers a ping until then", async () => {
      const broker = on.start();
      await broker.ping();
      const [entered, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const consumer = on.consumer({
        handle: async () => {
          entered.resolve();
          await goOn.promise;
        },
      });
      await broker.consume(consumer).ready();
      await broker.publish(on.messages(on.event()));
      await entered.promise;
      const closed = broker.close();
      goOn.resolve();
      await closed;
      expect(consumer.handled).toHaveLength(1);
    });

    it("fails to publish while the broker is unavailable, and works again afterwards", async ({ skip }) => {
      if (!on.hasLine) skip("the broker cannot be cut off here");
      const broker = on.start();
      const consumer = on.consumer();
      await broker.consume(consumer).ready();
      await broker.publish(on.messages(on.event()));
      await eventually(() => consumer.handled).toHaveLength(1);
      await on.line.cut();
      await expect(broker.publish(on.messages(on.event()))).rejects.toThrow(Unavailable);
      await expect(broker.ping()).rejects.toThrow(Unavailable);
      await on.line.mend();
      const event = on.event();
      await eventually(() =>
        broker.publish(on.messages(event)).then(
          () => "published",
          () => "away",
        ),
      ).toBe("published");
      await eventually(() => idsOf(consumer.handled)).toContain(event.id);
    }, 90_000);

    it("fails a ping while the broker is frozen although the connection is open, and answers again afterwards", async ({ skip }) => {
      if (!on.hasLine) skip("the broker cannot be held here");
      const broker = on.start();
      await broker.ping();
      on.line.hold();
      try {
        const began = performance.now();
        await expect(broker.ping()).rejects.toThrow(Unavailable);
        expect(performance.now() - began).toBeLessThan(policies["broker.connection"].timeLimitMs + 1_000);
      } finally {
        on.line.release();
      }
      await eventually(() =>
        broker.ping().then(
          () => "answers",
          () => "silent",
        ),
      ).toBe("answers");
      expect(broker.refusal()).toBeUndefined();
    }, 90_000);

    it("closes in time while the broker is frozen", async ({ skip }) => {
      if (!on.hasLine) skip("the broker cannot be held here");
      const broker = on.start();
      await broker.consume(on.consumer()).ready();
      await broker.publish(on.messages(on.event()));
      on.line.hold();
      try {
        const began = performance.now();
        await broker.close().catch(() => {});
        expect(performance.now() - began).toBeLessThan(closeMsMax);
      } finally {
        on.line.release();
      }
    }, 90_000);

    it("prepares publishing, and inspects it without findings or changes", async () => {
      const broker = on.start();
      const needs = { exchanges: [on.exchange()], consumers: [{ name: on.name(), exchange: on.exchange() }] };
      expect(await broker.inspect(needs)).toEqual([]);
      await broker.prepare(on.exchange());
      await broker.consume(on.consumer()).ready();
      expect(await broker.inspect(needs)).toEqual([]);
      expect(broker.refusal()).toBeUndefined();
    });

    it("fails to publish within its time limit while the broker is frozen", async ({ skip }) => {
      if (!on.hasLine) skip("the broker cannot be held here");
      const broker = on.start();
      await broker.publish(on.messages(on.event()));
      on.line.hold();
      try {
        await expect(broker.publish(on.messages(on.event()))).rejects.toThrow(Unavailable);
      } finally {
        on.line.release();
      }
      await eventually(() =>
        broker.publish(on.messages(on.event())).then(
          () => "published",
          () => "away",
        ),
      ).toBe("published");
    }, 90_000);

    deadLettersConformance(on);
    foreignConformance(on);
  });
}
