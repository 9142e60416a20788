import { Connection, ConsumerStatus } from "rabbitmq-client";

/** The address of RabbitMQ; every benchmark uses its own exchanges and queues and removes them. */
export const rabbitmqUrl = process.env["BENCH_RABBITMQ_URL"] ?? "amqp://guest:guest@127.0.0.1:5672";

const acquireMs = 5_000;
/** Messages that are delivered at once while a queue is emptied. */
const prefetch = 500;
const drainWithinMs = 60_000;

/** `noDelay` where single messages are timed: without it the second small packet waits for the peer's delayed acknowledgement, 40 ms. */
export async function connectRabbitmq(scope: AsyncDisposableStack, { noDelay = false } = {}): Promise<Connection> {
  const connection = new Connection({ url: rabbitmqUrl, acquireTimeout: acquireMs, noDelay });
  let last: Error | undefined;
  connection.on("error", (error: Error) => {
    last = error;
  });
  scope.defer(() => connection.close());
  await connection.onConnect(acquireMs, true).catch(() => {
    throw new Error(`this benchmark needs RabbitMQ at ${new URL(rabbitmqUrl).host} (BENCH_RABBITMQ_URL): ${last?.message ?? "no answer"}`);
  });
  return connection;
}

/** An exchange and a queue that gets all that is published to it, of the kinds that the product declares. */
export async function exchangeWithQueue(scope: AsyncDisposableStack, connection: Connection, name: string): Promise<void> {
  await connection.exchangeDeclare({ exchange: name, type: "topic", durable: true });
  scope.defer(() => connection.exchangeDelete({ exchange: name }));
  await connection.queueDeclare({ queue: name, durable: true, arguments: { "x-queue-type": "quorum" } });
  scope.defer(async () => void (await connection.queueDelete({ queue: name })));
  await connection.queueBind({ exchange: name, queue: name, routingKey: "#" });
}

/** Takes `count` messages out of a queue, in their order; a missing or a further one is an error. */
export async function drain(connection: Connection, queue: string, count: number): Promise<string[]> {
  const bodies: string[] = [];
  const all = Promise.withResolvers<void>();
  const timer = setTimeout(() => all.reject(new Error(`${bodies.length} of ${count} messages arrived`)), drainWithinMs);
  const consumer = connection.createConsumer({ queue, queueOptions: { passive: true }, qos: { prefetchCount: prefetch } }, (message) => {
    bodies.push(Buffer.isBuffer(message.body) ? message.body.toString() : JSON.stringify(message.body));
    if (bodies.length === count) all.resolve();
    return ConsumerStatus.ACK;
  });
  consumer.on("error", all.reject);
  try {
    await all.promise;
  } finally {
    clearTimeout(timer);
    await consumer.close();
  }
  const { messageCount } = await connection.queueDeclare({ queue, passive: true });
  if (messageCount > 0) throw new Error(`${messageCount} messages more than the ${count} that were sent`);
  return bodies;
}
