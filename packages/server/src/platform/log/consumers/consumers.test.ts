import { eventually } from "@gatehouse/testing/eventually.ts";
import { expect, it } from "vitest";
import { describeConsumers } from "../conformance/consumers-fixture.ts";
import { idsOf } from "../conformance/events.ts";

describeConsumers("consumers of the log", (on) => {
  it("a consumer receives events of its types unchanged, and no others", async () => {
    const wanted = on.event({ subject: "thing/ü", data: { text: "“x”", list: [1, null] } });
    const consumer = on.consumer();
    await on.append(wanted, on.event({ type: on.type("unwanted") }));
    const subscription = await on.start().consume(consumer);
    await subscription.idle();
    expect(consumer.handled).toEqual([expect.objectContaining(wanted)]);
  });

  it("a new consumer starts at the beginning of the log", async () => {
    const before = [on.event(), on.event(), on.event()];
    for (const event of before) await on.append(event);
    const consumers = on.start();
    await (await consumers.consume(on.consumer())).idle();
    const late = on.consumer({ name: on.name("late") });
    await (await consumers.consume(late)).idle();
    expect(idsOf(late.handled)).toEqual(idsOf(before));
  });

  it("a consumer without matching events receives none and is idle", async () => {
    const consumer = on.consumer({ types: [on.type("never")] });
    const subscription = await on.start().consume(consumer);
    await subscription.idle();
    expect(consumer.handled).toEqual([]);
  });

  it("a running consumer receives appended events, woken or not", async () => {
    const consumers = on.start();
    const consumer = on.consumer();
    await consumers.consume(consumer);
    const [woken, found] = [on.event(), on.event()];
    await on.append(woken);
    consumers.wake();
    await eventually(() => idsOf(consumer.handled)).toEqual([woken.id]);
    await on.append(found);
    await eventually(() => idsOf(consumer.handled)).toEqual([woken.id, found.id]);
  });

  it("a consumer is idle only once all events in the log have been handled", async () => {
    const consumers = on.start();
    const consumer = on.consumer();
    const subscription = await consumers.consume(consumer);
    for (let round = 1; round <= 5; round += 1) {
      await on.append(on.event(), on.event());
      await subscription.idle();
      expect(consumer.handled).toHaveLength(2 * round);
    }
  });

  it.each([1, 3, 100])("events of a subject are handled in order, in batches of %i", async (batch) => {
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

  it("each consumer has its own position", async () => {
    const consumers = on.start();
    const [one, other] = [on.consumer({ name: on.name("one") }), on.consumer({ name: on.name("other") })];
    const first = on.event();
    await on.append(first);
    await (await consumers.consume(one)).idle();
    const second = on.event();
    await on.append(second);
    await (await consumers.consume(other)).idle();
    expect(idsOf(other.handled)).toEqual([first.id, second.id]);
    await eventually(() => idsOf(one.handled)).toEqual([first.id, second.id]);
  });

  it("a consumer resumes at its position after a restart", async () => {
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

  it("closing waits for the running handler, and delivers nothing afterwards", async () => {
    const [entered, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const events = [on.event(), on.event()];
    await on.append(...events);
    const consumers = on.start();
    await consumers.consume({
      ...on.consumer(),
      handle: async (received, tx) => {
        entered.resolve();
        await goOn.promise;
        await on.writeEffects(on.name(), received, tx);
      },
    });
    await entered.promise;
    const closed = consumers.close();
    goOn.resolve();
    await closed;
    expect(await on.effects()).toEqual([events[0]?.id]);

    const after = on.consumer();
    await (await on.start().consume(after)).idle();
    expect(idsOf(after.handled)).toEqual([events[1]?.id]);
  });

  it("closing one subscription leaves the others open", async () => {
    const consumers = on.start();
    const [one, other] = [on.consumer({ name: on.name("one") }), on.consumer({ name: on.name("other") })];
    const closing = await consumers.consume(one);
    const staying = await consumers.consume(other);
    await closing.close();
    await on.append(on.event());
    consumers.wake();
    await staying.idle();
    expect(one.handled).toEqual([]);
    expect(other.handled).toHaveLength(1);
  });

  it("an event is handled once when two processes consume under one name", async () => {
    const events = Array.from({ length: 40 }, (_, index) => on.event({ subject: `thing/${index % 4}` }));
    await on.append(...events.slice(0, 20));
    const [one, other] = [on.start(), on.start()];
    const subscriptions = await Promise.all([one, other].map((consumers) => consumers.consume(on.consumer({ batch: 3 }))));
    for (const event of events.slice(20)) {
      await on.append(event);
      one.wake();
      other.wake();
    }
    await Promise.all(subscriptions.map((subscription) => subscription.idle()));
    expect(await on.effects()).toEqual(idsOf(events));
  });

  it("a ping succeeds while events can be delivered", async () => {
    await expect(on.start().ping()).resolves.toBeUndefined();
  });

  it("wake affects only consumers of the appended types", async () => {
    const consumers = on.start();
    const consumer = on.consumer();
    const subscription = await consumers.consume(consumer);
    await subscription.idle();
    const event = on.event();
    await on.append(event);
    const appendedAt = performance.now();
    consumers.wake([on.type("other"), event.type]);
    await eventually(() => idsOf(consumer.handled)).toEqual([event.id]);
    // By polling it would take up to half a second.
    expect(performance.now() - appendedAt).toBeLessThan(400);
  });
});
