import { wireTo } from "@gatehouse/testing/proxy.ts";
import { listens, services } from "@gatehouse/testing/services.ts";
import { silent } from "@gatehouse/testing/silent.ts";
import { Connection } from "rabbitmq-client";
import { describe } from "vitest";
import { brokerConformance } from "./conformance/broker-conformance.ts";
import { type BrokerUnderTest, impatient } from "./conformance/broker-fixture.ts";
import { rabbitmqBroker } from "./rabbitmq.ts";

const url = services.rabbitmq;

async function make(): Promise<BrokerUnderTest> {
  const wire = await wireTo(url);
  const raw = new Connection(url);
  const producer = raw.createPublisher({ confirm: true });
  return {
    line: wire,
    bindsByTopic: true,
    async foreign({ exchange, address, body, contentType, attributes = {} }) {
      const headers = Object.fromEntries(Object.entries(attributes).map(([name, value]) => [`cloudEvents:${name}`, value]));
      await producer.send(
        { exchange, routingKey: address, ...(contentType === undefined ? {} : { contentType }), headers },
        Buffer.from(body),
      );
    },
    start: () => rabbitmqBroker(wire.url, silent, { retry: impatient, confirmMs: 2_000 }),
    async close(exchanges, consumers) {
      await wire.close();
      await producer.close();
      await raw.close();
      const connection = new Connection(url);
      for (const queue of consumers.flatMap((name) => [name, `${name}.dead`])) await connection.queueDelete({ queue });
      for (const exchange of exchanges) await connection.exchangeDelete({ exchange });
      await connection.close();
    },
  };
}

if (await listens("rabbitmq")) brokerConformance("RabbitMQ", make);
else describe.skip(`broker: RabbitMQ (skipped: npm run test:services runs it where RabbitMQ answers)`, () => {});
