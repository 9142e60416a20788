import { eventually } from "@gatehouse/testing/eventually.ts";
import { silent } from "@gatehouse/testing/silent.ts";
import { sql } from "kysely";
import { expect, it } from "vitest";
import { Unavailable } from "../../unavailable.ts";
import { describeConsumers } from "../conformance/consumers-fixture.ts";
import { idsOf } from "../conformance/events.ts";
import { Consumers } from "./consumers.ts";

describeConsumers("failures of consumers", (on) => {
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

  it("commits effects and progress together: a try whose statement failed unnoticed counts as failed", async () => {
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
    "dead-letters an event that always fails, with the reason, and goes on with the rest (batches of %i)",
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

  it("dead-letters nothing because a dependency is away: the event waits, in its place, until it is back", async () => {
    const events = [on.event(), on.event()];
    await on.append(...events);
    let tries = 0;
    const consumer = on.consumer();
    const subscription = await on.start().consume({
      ...consumer,
      handle: async (received, tx) => {
        tries += 1;
        // More often than a failing event would be tried.
        if (tries <= 7) throw new Unavailable("mail", new Error("no route"));
        await consumer.handle(received, tx);
      },
    });
    await subscription.idle();
    expect(tries).toBe(9);
    expect(idsOf(consumer.handled)).toEqual(idsOf(events));
    expect(await on.deadLetters()).toEqual([]);
  }, 20_000);

  it("hands a dead letter over again, drops another, and dead-letters again what fails again", async () => {
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
    const consumers = on.start();
    const subscription = await consumers.consume(consumer);
    await subscription.idle();
    const letters = consumers.deadLetters(on.name());
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

  it("is closed at once while it waits to try again", async () => {
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
