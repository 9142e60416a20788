import { createHash } from "node:crypto";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import type { Logger } from "pino";
import { natsServer } from "../nats/address.ts";
import { policies } from "../resilience/policies.ts";
import { within } from "../waiting.ts";
import type { Broker, BrokerMessage } from "./broker.ts";
import { topicOf } from "./cloud-event.ts";
import { JetStreamConsumer } from "./jetstream-consumer.ts";
import { jetstreamDeadLetters } from "./jetstream-dead-letters.ts";
import { ensureStream, streamOf } from "./jetstream-streams.ts";
import { defaultRetry, type RetryPolicy } from "./keyed-work.ts";
import { unavailable } from "./unavailable.ts";

export interface JetStreamOptions {
  readonly retry?: RetryPolicy;
  readonly confirmMs?: number;
  /** How long a process that says nothing keeps what it was handed, and its place as the one that is handed messages. */
  readonly ackWaitMs?: number;
}

const confirmMsDefault = policies["broker.publish"].timeLimitMs;
/** Longer than a pause of the garbage collector or a busy disk; the process says three times in it that it still works. */
const ackWaitMsDefault = 10_000;
const { firstPauseMs: reconnectEveryMs } = policies["nats.connection"].retries;

/**
 * NATS JetStream: a stream for each exchange (`iam.events` is `iam-events`, with the subjects `iam.events.>`), a durable pull
 * consumer for each consumer, of which one process at a time is handed messages, so that the order of a subject holds.
 */
export function jetstreamBroker(url: string, logger: Logger, options: JetStreamOptions = {}): Broker {
  const { retry = defaultRetry, confirmMs = confirmMsDefault, ackWaitMs = ackWaitMsDefault } = options;
  const log = logger.child({ module: "broker" });
  const connection = connected(url);
  const reach = (): Promise<NatsConnection> => within(confirmMs, "NATS does not answer", connection);
  const consumers = new Set<JetStreamConsumer>();
  const known = new Set<string>();
  let abandoned = false;

  const send = async (messages: readonly BrokerMessage[]): Promise<void> => {
    const nats = await reach();
    const manager = await jetstreamManager(nats, { timeout: confirmMs });
    for (const exchange of new Set(messages.map((message) => message.exchange))) {
      if (known.has(exchange)) continue;
      await ensureStream(manager, streamOf(exchange), [`${exchange}.>`]);
      known.add(exchange);
    }
    const stream = jetstream(nats, { timeout: confirmMs });
    await Promise.all(
      messages.map(({ exchange, event }) =>
        stream.publish(`${exchange}.${topicOf(event.type)}`, JSON.stringify(event), { msgID: messageId(event), timeout: confirmMs }),
      ),
    );
  };

  return {
    kind: "jetstream",
    publish: (messages) => unavailable(() => within(confirmMs, "JetStream confirmed too late", send(messages))),
    consume(consumer) {
      const running = new JetStreamConsumer(connection, consumer, { retry, ackWaitMs }, log);
      consumers.add(running);
      running.start();
      return {
        ready: () => running.ready,
        close: async () => {
          consumers.delete(running);
          await running.close();
        },
      };
    },
    deadLetters: (consumer) => jetstreamDeadLetters(reach, consumer),
    ping: () => unavailable(async () => within(confirmMs, "NATS does not answer", (await reach()).flush())),
    async close() {
      if (abandoned) return;
      await Promise.all([...consumers].map((consumer) => consumer.close()));
      await closeConnection(connection);
    },
    abandon() {
      abandoned = true;
      for (const consumer of consumers) consumer.abandon();
      void closeConnection(connection);
    },
  };
}

/** JetStream tells repetitions by this within the stream's window: the id alone is one source's. */
const messageId = ({ source, id }: { readonly source: string; readonly id: string }): string =>
  createHash("sha256").update(`${source} ${id}`).digest("base64url");

function connected(url: string): Promise<NatsConnection> {
  const connection = connect({
    ...natsServer(url),
    name: "gatehouse",
    maxReconnectAttempts: -1,
    waitOnFirstConnect: true,
    reconnectTimeWait: reconnectEveryMs,
  });
  connection.catch(() => {});
  return connection;
}

/** One that was never made is not waited for. */
async function closeConnection(connection: Promise<NatsConnection>): Promise<void> {
  await within(
    reconnectEveryMs,
    "there is no connection",
    connection.then((nats) => nats.close()),
  ).catch(() => {});
}
