import { eventually } from "@gatehouse/testing/eventually.ts";
import { silent } from "@gatehouse/testing/silent.ts";
import { sql } from "kysely";
import { expect, it } from "vitest";
import { Unavailable } from "../../unavailable.ts";
import { describeConsumers } from "../conformance/consumers-fixture.ts";
import { idsOf } from "../conformance/events.ts";
import { Consumers } from "./consumers.ts";

describeConsumers("failures of consumers", (on) => {
  it("an event is retried after its handler failed, without effects of the failed attempt, and later events follow in order", async () => {
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

  it("effects and progress are committed together: an attempt with a swallowed statement error counts as failed", async () => {
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

  it("a consumer is notified after the commit of its batch", async () => {
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
    "an event that always fails becomes a dead letter with the reason, and the other events are handled (batches of %i)",
    async (batch) => {
      const events = [on.event(), on.event({ data: { fails: true } }), on.event(), on.event()];
      await on.append(...events);
      let tries = 0;
      const subscription = await on.start().consume({
        ...on.consumer({ batch }),
        handle: async (received, tx) => {
          await on.writeEffects(on.name(), received, tx);
          if (!received.some((event) => event.data["fails"])) return;
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

  it("an event waits in order while a dependency is unavailable, and does not become a dead letter", async () => {
    const events = [on.event(), on.event()];
    await on.append(...events);
    let tries = 0;
    const consumer = on.consumer();
    const subscription = await on.start().consume({
      ...consumer,
      handle: async (received, tx) => {
        tries += 1;
        // More attempts than a failing event has.
        if (tries <= 7) throw new Unavailable("mail", new Error("no route"));
        await consumer.handle(received, tx);
      },
    });
    await subscription.idle();
    expect(tries).toBe(9);
    expect(idsOf(consumer.handled)).toEqual(idsOf(events));
    expect(await on.deadLetters()).toEqual([]);
  }, 20_000);

  it("a dead letter can be redriven or dropped, and is stored again if it fails again", async () => {
    let failing = true;
    const consumer = on.consumer({
      handle: async (events, tx) => {
        if (failing) throw new Error("not now");
        await on.writeEffects(on.name(), events, tx);
      },
    });
    const [again, dropped] = [on.event(), on.event()];
    await on.append(again);
    await on.append(dropped);
    const consumers = on.start();
    const subscription = await consumers.consume(consumer);
    await subscription.idle();
    const letters = consumers.deadLetters(on.name());
    const ids = async () => (await letters.list({ limit: 10 })).items.map(({ id }) => id).toSorted();
    expect(await ids()).toEqual([again.id, dropped.id].toSorted());
    const first = await letters.list({ limit: 1 });
    const second = await letters.list({ limit: 1, after: first.next as string });
    expect([...first.items, ...second.items].map(({ id }) => id).toSorted()).toEqual([again.id, dropped.id].toSorted());
    expect(second.next).toBeNull();

    expect(await letters.redrive(again.id)).toBe(true);
    await eventually(ids).toEqual([again.id, dropped.id].toSorted());
    expect(await on.effects()).toEqual([]);

    expect(await letters.drop(dropped.id)).toBe(true);
    failing = false;
    expect(await letters.redriveAll()).toBe(1);
    await eventually(() => on.effects()).toEqual([again.id]);
    expect(await ids()).toEqual([]);
    for (const act of [letters.redrive, letters.drop]) expect(await act(dropped.id)).toBe(false);
    expect(await letters.redriveAll()).toBe(0);
  });

  it("a consumer closes at once while it waits for a retry", async () => {
    await on.append(on.event());
    const failed = Promise.withResolvers<void>();
    const consumers = new Consumers(on.database, silent, { retry: { firstPauseMs: 60_000, longestPauseMs: 60_000 } });
    await consumers.consume({
      ...on.consumer(),
      handle: async () => {
        failed.resolve();
        throw new Error("not now");
      },
    });
    await failed.promise;
    await consumers.close();
    expect(await on.effects()).toEqual([]);
  });
});
