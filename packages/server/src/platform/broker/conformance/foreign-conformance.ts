import { eventually } from "@gatehouse/testing/eventually.ts";
import { expect, it } from "vitest";
import type { Envelope } from "../cloud-event.ts";
import { type brokerFixture, type ForeignMessage, idsOf } from "./broker-fixture.ts";

/** Too deep for JSON.stringify's stack. */
const depth = 20_000;

/** The contract for messages of other producers, which are written with the broker's own tools. */
export function foreignConformance(on: ReturnType<typeof brokerFixture>): void {
  const address = "thing.happened";
  const listening = async (topics: readonly string[] = [address]) => {
    const broker = on.start();
    let onSkipped = 0;
    const counted = () => {
      onSkipped += 1;
    };
    const consumer = { ...on.consumer({ topics }), onSkipped: counted };
    await broker.consume(consumer).ready();
    return {
      consumer,
      passed: () => onSkipped,
      letters: async () => (await broker.deadLetters(consumer).list({ limit: 100 })).items,
    };
  };
  const produce = (message: Partial<ForeignMessage> & Pick<ForeignMessage, "body">) =>
    on.foreign({ exchange: on.exchange(), address, ...message });
  const structured = "application/cloudevents+json; charset=UTF-8";

  it("reads a structured event with and without its content type", async ({ skip }) => {
    if (!on.hasForeign) skip("there are no other producers in the product's own tables");
    const { consumer, letters } = await listening();
    const [named, bare] = [on.event({ subject: "thing/a" }), on.event({ subject: "thing/b" })];
    await produce({ body: JSON.stringify(named), contentType: structured });
    await produce({ body: JSON.stringify({ ...bare, traceparent: null }) });
    await eventually(() => consumer.handled).toHaveLength(2);
    expect(consumer.handled).toEqual(expect.arrayContaining([named, bare]));
    expect(await letters()).toEqual([]);
  });

  it("reads an event in binary mode, and redrives it as a whole", async ({ skip }) => {
    if (!on.hasForeign) skip("there are no other producers in the product's own tables");
    let failing = true;
    const broker = on.start();
    const consumer = on.consumer({
      handle: async () => {
        if (failing) throw new Error("not now");
      },
    });
    await broker.consume(consumer).ready();
    const { data, ...attributes } = on.event({ data: { text: "ünïcode", list: [1] } }) as Envelope & { data: object };
    await produce({ body: JSON.stringify(data), contentType: "application/json", attributes: attributes as never });
    const letters = broker.deadLetters(consumer);
    await eventually(async () => (await letters.list({ limit: 10 })).items.map(({ id }) => id)).toEqual([attributes.id]);
    failing = false;
    expect(await letters.redrive(attributes.id)).toBe(true);
    await eventually(() => consumer.handled).toEqual([expect.objectContaining({ ...attributes, data })]);
  });

  it("dead-letters invalid messages, each with its reason, and continues", async ({ skip }) => {
    if (!on.hasForeign) skip("there are no other producers in the product's own tables");
    const { consumer, letters } = await listening();
    const event = on.event();
    const { data: _, ...attributes } = event as unknown as Record<string, string>;
    const bad: readonly [Partial<ForeignMessage> & Pick<ForeignMessage, "body">, RegExp][] = [
      [{ body: "{not json" }, /in JSON: it is not JSON$/],
      [{ body: "{not json", contentType: "application/json" }, /in JSON: it is not JSON$/],
      [{ body: "null", contentType: "application/json" }, /it is not a JSON object/],
      [{ body: "[1]", contentType: "application/json" }, /it is not a JSON object/],
      [{ body: JSON.stringify({ organizationId: "x" }) }, /specversion is not 1\.0/],
      [{ body: JSON.stringify({ organizationId: "x" }), contentType: structured }, /specversion is not 1\.0/],
      [{ body: Buffer.from([0x7b, 0xff, 0xfe, 0x7d]) }, /not UTF-8/],
      [{ body: JSON.stringify([event]), contentType: "application/cloudevents-batch+json" }, /cloudevents-batch/],
      [{ body: "[".repeat(depth) + "]".repeat(depth), contentType: "application/json" }, /nested deeper than/],
      // Just below the size limit, and too large for Kafka and NATS as a string in a dead letter.
      [{ body: `"${'\\"'.repeat(250_000)}` }, /\(of 500001 characters/],
      [{ body: JSON.stringify({ ...event, id: "" }) }, /id is missing/],
      [{ body: JSON.stringify({ ...event, id: "i".repeat(300) }) }, /id is longer than 255 bytes/],
      [{ body: JSON.stringify({ ...event, id: "a\u0000b" }) }, /cannot be stored/],
      [{ body: JSON.stringify({ ...event, id: "a\u0001b" }) }, /id has characters/],
      [{ body: JSON.stringify({ ...event, source: 7 }) }, /source is missing or no text/],
      [{ body: JSON.stringify({ ...event, time: "yesterday" }) }, /time is not a time of RFC 3339/],
      [{ body: JSON.stringify(on.event({ type: "com.example.thing.happened.v1" })) }, /does not belong on/],
      [{ body: JSON.stringify(on.event({ type: "ThingHappened" })) }, /does not belong on/],
      [{ body: "<xml/>", contentType: "text/xml", attributes }, /text\/xml is not JSON/],
      [{ body: "{", contentType: "application/json", attributes }, /data of the event cannot be read: it is not JSON/],
      [{ body: "{}", contentType: "application/json", attributes: { ...attributes, source: "" } }, /source is missing/],
    ];
    for (const [message] of bad) await produce(message);
    const good = on.event();
    await produce({ body: JSON.stringify(good) });
    await eventually(() => idsOf(consumer.handled)).toEqual([good.id]);
    await eventually(async () => (await letters()).length).toBe(bad.length);
    const reasons = (await letters()).map(({ failure }) => failure);
    for (const [, reason] of bad) {
      const index = reasons.findIndex((failure) => reason.test(failure));
      expect(index, `${reason} in ${reasons.join("\n")}`).toBeGreaterThanOrEqual(0);
      reasons.splice(index, 1);
    }
  });

  it("distinguishes the dead letters of two sources whose events have the same id", async ({ skip }) => {
    if (!on.hasForeign) skip("there are no other producers in the product's own tables");
    const broker = on.start();
    const consumer = on.consumer({
      handle: async () => {
        throw new Error("no");
      },
    });
    await broker.consume(consumer).ready();
    const sources = ["https://one.example", "https://two.example"];
    for (const source of sources) await produce({ body: JSON.stringify(on.event({ id: "1", source })) });
    const bodies = async () => (await broker.deadLetters(consumer).list({ limit: 10 })).items.map(({ body }) => JSON.parse(body).source);
    await eventually(async () => (await bodies()).toSorted()).toEqual(sources);
  });

  it("skips an event that matches no topic, and reports it if the broker delivers it", async ({ skip }) => {
    if (!on.hasForeign) skip("there are no other producers in the product's own tables");
    const { consumer, letters, passed } = await listening();
    await produce({ address: "thing.ended", body: JSON.stringify(on.event({ type: "thing.ended.v1" })) });
    const good = on.event();
    await produce({ body: JSON.stringify(good) });
    await eventually(() => idsOf(consumer.handled)).toEqual([good.id]);
    expect(await letters()).toEqual([]);
    // RabbitMQ's bindings filter it.
    await eventually(passed).toBe(on.bindsByTopic ? 0 : 1);
  });
}
