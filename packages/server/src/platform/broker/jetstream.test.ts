import { randomUUID } from "node:crypto";
import { eventually } from "@gatehouse/testing/eventually.ts";
import { wireTo } from "@gatehouse/testing/proxy.ts";
import { listens, services } from "@gatehouse/testing/services.ts";
import { silent } from "@gatehouse/testing/silent.ts";
import { AckPolicy, DeliverPolicy, type JsMsg, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, headers, nanos } from "@nats-io/transport-node";
import { describe, expect, it } from "vitest";
import type { Envelope } from "./cloud-event.ts";
import { brokerConformance } from "./conformance/broker-conformance.ts";
import { type BrokerUnderTest, impatient } from "./conformance/broker-fixture.ts";
import { jetstreamBroker } from "./jetstream.ts";
import { ensureStream, streamOf } from "./jetstream-streams.ts";

const url = services.nats;
const ackWaitMs = 900;

async function make(): Promise<BrokerUnderTest> {
  const wire = await wireTo(url);
  const raw = await connect({ servers: new URL(url).host });
  return {
    line: wire,
    async foreign({ exchange, address, body, contentType, attributes = {} }) {
      const given = headers();
      if (contentType !== undefined) given.set("Content-Type", contentType);
      for (const [name, value] of Object.entries(attributes)) given.set(`ce-${name}`, encodeURIComponent(value));
      // JetStream's acknowledgement.
      await raw.request(`${exchange}.${address}`, Buffer.from(body), { headers: given, timeout: 2_000 });
    },
    start: () => jetstreamBroker(wire.url, silent, { retry: impatient, confirmMs: 2_000, ackWaitMs }),
    async close(exchanges, consumers) {
      await wire.close();
      await raw.close();
      const nats = await connect({ servers: new URL(url).host });
      const { streams } = await jetstreamManager(nats);
      const made = [...exchanges.map(streamOf), ...consumers.map((name) => `${streamOf(name)}-dead`)];
      for (const stream of made) await streams.delete(stream).catch(() => {});
      await nats.close();
    },
  };
}

/** The dead process has extended one message's acknowledgement time last: the server redelivers it after the others of its subject. */
function returnsConformance(): void {
  describe("messages in flight of a dead process", () => {
    it("are handled in the stream's order, before new messages", async () => {
      const [exchange, name] = [`returns.${randomUUID()}`, `reader-${randomUUID()}`];
      const nats = await connect({ servers: new URL(url).host });
      const broker = jetstreamBroker(url, silent, { ackWaitMs });
      const manager = await jetstreamManager(nats);
      const order: string[] = [];
      const consumer = {
        exchange,
        name,
        topics: ["#"],
        inFlightMax: 4,
        handle: async ({ event }: { event: Envelope }) => void order.push(event.id),
      };
      try {
        const ids = Array.from({ length: 8 }, () => randomUUID());
        await ensureStream(manager, streamOf(exchange), [`${exchange}.>`]);
        for (const id of ids) {
          const body = { specversion: "1.0", id, source: "https://test.example", type: "thing.happened.v1", subject: "thing/1", data: {} };
          await jetstream(nats).publish(`${exchange}.thing.happened.v1`, JSON.stringify(body));
        }
        const durable = {
          ack_policy: AckPolicy.Explicit,
          ack_wait: nanos(ackWaitMs),
          max_ack_pending: 4,
          deliver_policy: DeliverPolicy.All,
        };
        await manager.consumers.add(streamOf(exchange), { durable_name: streamOf(name), ...durable });
        const dying = await (await jetstream(nats).consumers.get(streamOf(exchange), streamOf(name))).fetch({
          max_messages: 4,
          expires: 1_000,
        });
        const taken: JsMsg[] = [];
        for await (const message of dying) if (taken.push(message) === 4) break;
        await new Promise((resolve) => setTimeout(resolve, ackWaitMs / 3));
        taken[0]?.working();
        await nats.flush();
        broker.consume(consumer);
        await eventually(() => order).toHaveLength(8);
        expect(order).toEqual(ids);
      } finally {
        await broker.close();
        await manager.streams.delete(streamOf(exchange)).catch(() => {});
        await nats.close();
      }
    });
  });
}

if (await listens("nats")) {
  brokerConformance("NATS JetStream", make);
  returnsConformance();
} else describe.skip(`broker: NATS JetStream (skipped: npm run test:services runs it where NATS answers)`, () => {});
