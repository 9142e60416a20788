import { describe, expect, it } from "vitest";
import { describeConsumers } from "../conformance/consumers-fixture.ts";
import { idsOf } from "../conformance/events.ts";
import type { NewEvent } from "../event.ts";

describeConsumers("eager consumers", (on) => {
  it.each([1, 3, 100])("receive at most %i events per batch, each once", async (batch) => {
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

  describe("an eager consumer", () => {
    it("receives everything from the beginning of the log", async () => {
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

    it("receives no event twice within one process", async () => {
      const consumers = on.start();
      const consumer = on.consumer({ eager: true });
      const subscription = await consumers.consume(consumer);
      for (let round = 0; round < 5; round += 1) {
        await on.append(on.event());
        consumers.wake();
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

    it("continues past an event that always fails", async () => {
      const events = [on.event({ data: { fails: true } }), on.event(), on.event()];
      await on.append(...events);
      const subscription = await on.start().consume({
        ...on.consumer({ eager: true }),
        handle: async (received, tx) => {
          if (received.some((event) => event.data["fails"])) throw new Error("cannot be handled");
          await on.writeEffects(on.name(), received, tx);
        },
      });
      await subscription.idle();
      expect(await on.effects()).toEqual(idsOf(events.slice(1)));
      expect(await on.deadLetters()).toMatchObject([{ event_id: events[0]?.id }]);
    }, 20_000);
  });
});
