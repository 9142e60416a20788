import { eventually } from "@gatehouse/testing/eventually.ts";
import { expect, it } from "vitest";
import type { Broker } from "../broker.ts";
import type { Envelope } from "../cloud-event.ts";
import { type brokerFixture, idsOf } from "./broker-fixture.ts";

/** The contract of dead letters, for every adapter. */
export function deadLettersConformance(on: ReturnType<typeof brokerFixture>): void {
  /** A consumer that fails until the test ends that, with `count` dead letters. */
  const withDead = async (count: number) => {
    const broker = on.start();
    let failing = true;
    const consumer = on.consumer({
      handle: async (received) => {
        if (failing) throw new Error("not now");
        await on.effectOnce(received);
      },
    });
    await broker.consume(consumer).ready();
    const events = Array.from({ length: count }, (_, index) => on.event({ subject: `thing/${index}` }));
    await broker.publish(on.messages(...events));
    const letters = broker.deadLetters(consumer);
    await eventually(async () => (await letters.list({ limit: 100 })).items.length).toBe(count);
    return {
      broker,
      consumer,
      events,
      letters,
      recover: () => {
        failing = false;
      },
    };
  };
  const all = async (broker: Broker, consumer: { name: string; exchange: string }): Promise<readonly string[]> =>
    (await broker.deadLetters(consumer).list({ limit: 100 })).items.map(({ id }) => id).toSorted();
  const sorted = (events: readonly Envelope[]): readonly string[] => idsOf(events).toSorted();

  it("lists dead letters in pages, repeatedly and from any process", async () => {
    const { events, consumer } = await withDead(5);
    const broker = on.start();
    for (let round = 0; round < 3; round += 1) {
      const found: string[] = [];
      let after: string | undefined;
      do {
        const page = await broker.deadLetters(consumer).list({ limit: 2, after });
        expect(page.items.length).toBeLessThanOrEqual(2);
        found.push(...page.items.map(({ id }) => id));
        after = page.next ?? undefined;
      } while (after !== undefined);
      expect(found.toSorted()).toEqual(sorted(events));
    }
    expect(await broker.deadLetters(consumer).count()).toBe(events.length);
  });

  it("redelivers one dead letter to its own consumer only; the others stay", async () => {
    const { broker, consumer, events, letters, recover } = await withDead(3);
    const other = on.consumer({ name: on.name("other"), topics: ["#"] });
    await broker.consume(other).ready();
    const before = other.handled.length;
    recover();
    const [again, ...rest] = events as [Envelope, ...Envelope[]];
    expect(await letters.redrive(again.id)).toBe(true);
    await eventually(() => on.effects(consumer.name)).toEqual([again.id]);
    await eventually(() => all(broker, consumer)).toEqual(sorted(rest));
    expect(consumer.handled).toEqual([again]);
    const observer = on.event();
    await broker.publish(on.messages(observer));
    await eventually(() => idsOf(other.handled)).toContain(observer.id);
    expect(other.handled.slice(before).filter(({ id }) => id === again.id).length).toBeLessThanOrEqual(1);
  });

  it("redelivers all dead letters to their consumer", async () => {
    const { broker, consumer, events, letters, recover } = await withDead(3);
    recover();
    expect(await letters.redriveAll()).toBe(3);
    await eventually(async () => (await on.effects(consumer.name)).toSorted()).toEqual(sorted(events));
    await eventually(() => all(broker, consumer)).toEqual([]);
    expect(await letters.redriveAll()).toBe(0);
  });

  it("stores a redriven dead letter again if it fails again", async () => {
    const { broker, consumer, events, letters } = await withDead(1);
    const [first] = (await letters.list({ limit: 1 })).items;
    expect(await letters.redrive((events[0] as Envelope).id)).toBe(true);
    await eventually(async () => {
      const [found] = (await letters.list({ limit: 1 })).items;
      return found !== undefined && found.failedAt > (first?.failedAt as string);
    }).toBe(true);
    expect(await all(broker, consumer)).toEqual(sorted(events));
    expect(await on.effects(consumer.name)).toEqual([]);
  });

  it("deletes a dropped dead letter, which is not handled again", async () => {
    const { broker, consumer, events, letters, recover } = await withDead(2);
    const [gone, kept] = events as [Envelope, Envelope];
    expect(await letters.drop(gone.id)).toBe(true);
    expect(await all(broker, consumer)).toEqual([kept.id]);
    recover();
    expect(await letters.redriveAll()).toBe(1);
    await eventually(() => on.effects(consumer.name)).toEqual([kept.id]);
  });

  it("returns false for an unknown id, and changes nothing", async () => {
    const { broker, consumer, events, letters } = await withDead(1);
    for (const act of [letters.redrive, letters.drop]) expect(await act("0198a000-0000-7000-8000-0000000000ff")).toBe(false);
    const foreign = broker.deadLetters({ ...consumer, name: on.name("never") });
    expect(await foreign.redrive((events[0] as Envelope).id)).toBe(false);
    expect(await all(broker, consumer)).toEqual(sorted(events));
  });
}
