import type { Logger } from "pino";
import { type AsyncMessage, type Channel, Connection, type Consumer, ConsumerStatus } from "rabbitmq-client";
import type { DeadLetter } from "../dead-letters.ts";
import { policies } from "../resilience/policies.ts";
import { within } from "../waiting.ts";
import type { Broker, BrokerConsumer, BrokerMessage, BrokerSubscription } from "./broker.ts";
import { closeInTime } from "./close-in-time.ts";
import { cloudEventType, topicOf } from "./cloud-event.ts";
import { defaultRetry, inFlightDefault, KeyedWork, type RetryPolicy } from "./keyed-work.ts";
import { rabbitmqDeadLetters, sendDeadLetter } from "./rabbitmq-dead-letters.ts";
import { exchangeOf, inspectRabbitmq, queueOptions } from "./rabbitmq-topology.ts";
import type { RawMessage } from "./read-message.ts";
import { Refusals } from "./refusals.ts";
import { topicMatcher } from "./topics.ts";
import { unavailable } from "./unavailable.ts";

export interface RabbitmqOptions {
  readonly retry?: RetryPolicy;
  /** The time limit of a confirm. */
  readonly confirmMs?: number;
}

const { timeLimitMs: acquireMs, retries: reconnect } = policies["broker.connection"];
const confirmMsDefault = policies["broker.publish"].timeLimitMs;
/** The connection to a peer that is silent for twice as long is replaced; RabbitMQ's default of a minute is too long for a waiting sign-in. */
const heartbeatSeconds = 10;
const reconnectMs = { retryLow: reconnect.firstPauseMs, retryHigh: reconnect.longestPauseMs } as const;

/**
 * RabbitMQ: a durable topic exchange per name, the event's topic as routing key, a quorum queue per
 * consumer with a single active consumer, to preserve the order per subject, and `<queue>.dead` for dead letters.
 */
export function rabbitmqBroker(url: string, logger: Logger, options: RabbitmqOptions = {}): Broker {
  const log = logger.child({ module: "broker" });
  // Without Nagle's algorithm, which delays a single message by 40 ms; the library already batches writes.
  const connection = new Connection({
    url,
    acquireTimeout: acquireMs,
    connectionName: "gatehouse",
    noDelay: true,
    heartbeat: heartbeatSeconds,
    ...reconnectMs,
  });
  const refusals = new Refusals("RabbitMQ", log);
  connection.on("error", (error) => {
    if (!refusals.record("connection", error)) log.warn({ err: error }, "the connection to RabbitMQ reported an error");
  });
  connection.on("connection", () => refusals.clear("connection"));
  const confirmMs = options.confirmMs ?? confirmMsDefault;
  const publishing = new Publishing(connection, confirmMs, refusals);
  const probe = new Probe(connection, Math.min(acquireMs, confirmMs));
  const subscriptions = new Set<BrokerSubscription>();
  let abandoned = false;
  return {
    kind: "rabbitmq",
    publish: (messages) => publishing.publish(messages),
    consume(consumer) {
      const { close, ready, waiting } = subscribe(connection, consumer, { retry: options.retry ?? defaultRetry, confirmMs, refusals }, log);
      const subscription: BrokerSubscription = {
        ready,
        waiting,
        close: async () => {
          subscriptions.delete(subscription);
          await close();
        },
      };
      subscriptions.add(subscription);
      return subscription;
    },
    deadLetters: ({ name }) => rabbitmqDeadLetters(connection, name, confirmMs),
    ping: () => unavailable(() => probe.ping()),
    prepare: (exchange) => publishing.prepare(exchange),
    refusal: () => refusals.sentence,
    inspect: (needs) => unavailable(() => inspectRabbitmq(connection, needs, confirmMs)),
    async close() {
      if (abandoned) return;
      await Promise.all([...subscriptions].map((subscription) => subscription.close()));
      // A frozen broker does not confirm the close.
      const closed = probe
        .close()
        .then(() => publishing.close())
        .then(() => connection.close());
      if (!(await closeInTime(closed))) connection.unsafeDestroy();
    },
    abandon() {
      abandoned = true;
      connection.unsafeDestroy();
    },
  };
}

/** Checks the broker by a passive declaration of an exchange that every virtual host has and that needs no permission, on its own channel. */
class Probe {
  readonly #connection: Connection;
  readonly #ms: number;
  #channel: Promise<Channel> | undefined;

  constructor(connection: Connection, ms: number) {
    this.#connection = connection;
    this.#ms = ms;
  }

  async ping(): Promise<void> {
    this.#channel ??= this.#connection.acquire();
    const opened = this.#channel;
    try {
      const answered = opened.then((channel) => {
        if (!channel.active) throw new Error("the channel is closed");
        return channel.exchangeDeclare({ exchange: "amq.topic", passive: true });
      });
      await within(this.#ms, "RabbitMQ does not answer", answered);
    } catch (error) {
      if (this.#channel === opened) this.#channel = undefined;
      void opened.then((channel) => channel.close()).catch(() => {});
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#channel?.then((channel) => channel.close()).catch(() => {});
  }
}

/**
 * Publishes on one channel, so that messages arrive in the order in which they were sent. After a failure the channel is
 * closed with all that was sent on it: the sender continues with the first message that was not confirmed.
 */
class Publishing {
  readonly #connection: Connection;
  readonly #confirmMs: number;
  readonly #refusals: Refusals;
  readonly #declared = new Set<string>();
  #channel: Promise<Channel> | undefined;

  constructor(connection: Connection, confirmMs: number, refusals: Refusals) {
    this.#connection = connection;
    this.#confirmMs = confirmMs;
    this.#refusals = refusals;
  }

  async publish(messages: readonly BrokerMessage[]): Promise<void> {
    if (messages.length > 0) await this.#on((channel) => this.#send(channel, messages));
  }

  prepare(exchange: string): Promise<void> {
    return this.#on((channel) => this.#declare(channel, exchange));
  }

  #on(work: (channel: Channel) => Promise<void>): Promise<void> {
    return unavailable(async () => {
      const opened = this.#open();
      try {
        const worked = this.#refusals.at("publishing", async () => work(await opened));
        await within(this.#confirmMs, "RabbitMQ confirmed too late", worked);
      } catch (error) {
        if (this.#channel === opened) this.#channel = undefined;
        // Not awaited: an unavailable broker does not answer, and a closed channel confirms nothing.
        void opened.then((channel) => channel.close()).catch(() => {});
        throw error;
      }
    });
  }

  async close(): Promise<void> {
    await this.#channel?.then((channel) => channel.close()).catch(() => {});
  }

  #open(): Promise<Channel> {
    this.#channel ??= this.#connection.acquire().then(async (channel) => {
      await channel.confirmSelect();
      this.#declared.clear();
      return channel;
    });
    return this.#channel;
  }

  async #declare(channel: Channel, exchange: string): Promise<void> {
    if (this.#declared.has(exchange)) return;
    await channel.exchangeDeclare({ ...exchangeOf(exchange) });
    this.#declared.add(exchange);
  }

  async #send(channel: Channel, messages: readonly BrokerMessage[]): Promise<void> {
    if (!channel.active) throw new Error("the channel is closed");
    for (const exchange of new Set(messages.map((message) => message.exchange))) await this.#declare(channel, exchange);
    await Promise.all(
      messages.map(({ exchange, event }) =>
        channel.basicPublish(
          { exchange, routingKey: topicOf(event.type), durable: true, messageId: event.id, type: event.type, contentType: cloudEventType },
          Buffer.from(JSON.stringify(event)),
        ),
      ),
    );
  }
}

interface Subscribing {
  readonly retry: RetryPolicy;
  readonly confirmMs: number;
  readonly refusals: Refusals;
}

function subscribe(connection: Connection, consumer: BrokerConsumer, { retry, confirmMs, refusals }: Subscribing, logger: Logger) {
  const work = new KeyedWork(consumer, retry, logger);
  const { name, exchange, topics, inFlightMax = inFlightDefault } = consumer;
  const wanted = topicMatcher(topics);
  const first = Promise.withResolvers<void>();
  const received: Consumer = connection.createConsumer(
    {
      queue: name,
      queueOptions,
      exchanges: [exchangeOf(exchange)],
      queueBindings: topics.map((routingKey) => ({ exchange, queue: name, routingKey })),
      qos: { prefetchCount: inFlightMax },
    },
    async (message) => {
      let outcome: ConsumerStatus = ConsumerStatus.REQUEUE;
      const settle = (status: ConsumerStatus) => () => {
        outcome = status;
      };
      await work.take({
        message: () => rawMessage(message),
        address: message.routingKey,
        // Redriven messages have the queue's own name as routing key.
        belongs: (topic) => (message.routingKey === name ? wanted(topic) : topic === topicOf(message.routingKey)),
        redeliveries: Number(message.headers?.["x-delivery-count"] ?? 0),
        done: settle(ConsumerStatus.ACK),
        release: settle(ConsumerStatus.REQUEUE),
        deadLetter: async (letter: DeadLetter) => {
          await within(confirmMs, "RabbitMQ confirmed too late", sendDeadLetter(connection, name, letter));
          outcome = ConsumerStatus.ACK;
        },
      });
      return outcome;
    },
  );
  const subject = `consuming ${name}`;
  received.on("ready", () => {
    refusals.clear(subject);
    first.resolve();
  });
  received.on("error", (error) => {
    if (!refusals.record(subject, error)) logger.warn({ err: error, consumer: name }, "a consumer of RabbitMQ reported an error");
  });
  return {
    ready: () => first.promise,
    waiting: async () => (await connection.queueDeclare({ queue: name, passive: true })).messageCount,
    close: async () => {
      const stopped = work.stop();
      const closed = received.close();
      await stopped;
      await closeInTime(closed);
    },
  };
}

/** AMQP binding of CloudEvents, §3.1.3: application properties, which are headers in AMQP 0-9-1, with either prefix. */
const attributeName = /^cloudEvents[:_]([a-z\d]+)$/;

function rawMessage({ body, contentType, headers = {} }: AsyncMessage): RawMessage {
  const attributes: Record<string, string> = {};
  for (const [header, value] of Object.entries(headers)) {
    const name = attributeName.exec(header)?.[1];
    if (name !== undefined) attributes[name] = name === "time" && typeof value === "number" ? timeOf(value) : String(value);
  }
  return { body, contentType, attributes };
}

/** Times in AMQP 0-9-1 are in seconds. */
const timeOf = (seconds: number): string => new Date(seconds * 1_000).toISOString();
