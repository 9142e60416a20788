import { Connection } from "rabbitmq-client";

export interface Received {
  readonly id: string;
  readonly type: string;
  readonly subject: string;
}

export interface BrokerConsumer {
  /** In order of their first arrival. */
  readonly received: readonly Received[];
  /** Redeliveries. */
  readonly repeated: number;
  close(): Promise<void>;
}

/** The exchange of the product. */
const exchange = "iam.events";
const queue = "chaos.observer";

/** An external consumer: a durable queue that is bound to all events. */
export async function consumeEverything(url: string): Promise<BrokerConsumer> {
  const connection = new Connection({ url, retryLow: 200, retryHigh: 1_000, acquireTimeout: 60_000 });
  connection.on("error", () => {});
  const received: Received[] = [];
  const known = new Set<string>();
  let repeated = 0;
  const consumer = connection.createConsumer(
    {
      queue,
      queueOptions: { durable: true, arguments: { "x-queue-type": "quorum" } },
      exchanges: [{ exchange, type: "topic", durable: true }],
      queueBindings: [{ exchange, queue, routingKey: "#" }],
      qos: { prefetchCount: 100 },
    },
    async ({ body }) => {
      const event = (Buffer.isBuffer(body) ? JSON.parse(body.toString("utf8")) : body) as Received;
      if (known.has(event.id)) repeated += 1;
      else received.push({ id: event.id, type: event.type, subject: event.subject });
      known.add(event.id);
    },
  );
  consumer.on("error", () => {});
  await new Promise<void>((resolve) => consumer.once("ready", () => resolve()));
  return {
    received,
    get repeated() {
      return repeated;
    },
    async close() {
      await consumer.close();
      await connection.close();
    },
  };
}
