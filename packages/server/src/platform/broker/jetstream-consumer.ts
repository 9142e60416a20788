import { AckPolicy, type ConsumerMessages, DeliverPolicy, type JsMsg, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { type NatsConnection, nanos } from "@nats-io/transport-node";
import type { Logger } from "pino";
import type { BrokerConsumer } from "./broker.ts";
import { closeInTime } from "./close-in-time.ts";
import { topicOf } from "./cloud-event.ts";
import { ConsumerLifecycle } from "./consumer-lifecycle.ts";
import { storeDeadLetter } from "./jetstream-dead-letters.ts";
import { JetStreamLease } from "./jetstream-lease.ts";
import { Redeliveries } from "./jetstream-redeliveries.ts";
import { ensureStream, redriveSubjectOf, streamOf } from "./jetstream-streams.ts";
import { inFlightDefault, KeyedWork, type RetryPolicy } from "./keyed-work.ts";
import type { RawMessage } from "./read-message.ts";
import type { Refusals } from "./refusals.ts";
import { topicMatcher } from "./topics.ts";

interface Options {
  readonly retry: RetryPolicy;
  readonly ackWaitMs: number;
  readonly refusals: Refusals;
}

/** NATS binding of CloudEvents, §3.1.3: values are percent-encoded if a header does not allow them. */
const attributePrefix = "ce-";

function rawMessage({ data, headers }: JsMsg): RawMessage {
  const attributes: Record<string, string> = {};
  let contentType: string | undefined;
  for (const [name, values] of headers ?? []) {
    const lower = name.toLowerCase();
    if (lower.startsWith(attributePrefix)) attributes[lower.slice(attributePrefix.length)] = percentDecoded(values[0] ?? "");
    if (lower === "content-type") contentType = values[0];
  }
  return { body: data, contentType, attributes };
}

function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** One process's member of a durable consumer: waits for the lease, and pulls while it holds it. */
export class JetStreamConsumer {
  readonly #connection: Promise<NatsConnection>;
  readonly #consumer: BrokerConsumer;
  readonly #options: Options;
  readonly #logger: Logger;
  readonly #work: KeyedWork;
  readonly #wanted: (topic: string) => boolean;
  readonly #inFlight = new Set<JsMsg>();
  readonly #life: ConsumerLifecycle;
  #nats: NatsConnection | undefined;
  #messages: ConsumerMessages | undefined;
  #lease: JetStreamLease | undefined;
  #heldUntil = 0;

  constructor(connection: Promise<NatsConnection>, consumer: BrokerConsumer, options: Options, logger: Logger) {
    this.#connection = connection;
    this.#consumer = consumer;
    this.#options = options;
    this.#logger = logger;
    this.#work = new KeyedWork(consumer, options.retry, logger);
    this.#wanted = topicMatcher(consumer.topics);
    const everyMs = options.ackWaitMs / 3;
    this.#life = new ConsumerLifecycle({
      run: () => this.#claimAndPull(),
      everyMs,
      retry: { firstPauseMs: everyMs, longestPauseMs: everyMs },
      heartbeat: { everyMs, beat: () => this.#beat() },
      onFailure: (error) => {
        if (!options.refusals.record(this.#refusalSubject, error))
          logger.warn({ err: error, consumer: consumer.name }, "messages could not be pulled");
      },
    });
  }

  get ready(): Promise<void> {
    return this.#life.ready;
  }

  async waiting(): Promise<number | undefined> {
    if (this.#messages === undefined) return undefined;
    const manager = await jetstreamManager(await this.#connection);
    const { num_pending, num_ack_pending } = await manager.consumers.info(streamOf(this.#consumer.exchange), streamOf(this.#consumer.name));
    return num_pending + num_ack_pending;
  }

  start(): void {
    this.#life.start();
  }

  async close(): Promise<void> {
    const closing = this.#life.close();
    if (closing === undefined) return;
    // Stopped first, so that messages which arrive until the pull has ended are returned.
    const stopped = this.#work.stop();
    this.#messages?.stop();
    await stopped;
    await this.#work.stop();
    await closeInTime(closing.loopEnded);
    if (this.#lease) await closeInTime(this.#lease.release());
  }

  abandon(): void {
    this.#life.abandon();
    this.#messages?.stop();
    void this.#work.stop();
  }

  async #claimAndPull(): Promise<boolean> {
    this.#nats ??= (await Promise.race([this.#connection.catch(() => undefined), this.#life.stopped])) || undefined;
    if (this.#nats === undefined) return false;
    this.#lease ??= new JetStreamLease(this.#nats, streamOf(this.#consumer.name), this.#options.ackWaitMs);
    await this.#claim();
    if (this.#holds) await this.#pull(this.#nats);
    return false;
  }

  get #refusalSubject(): string {
    return `consuming ${this.#consumer.name}`;
  }

  get #holds(): boolean {
    return performance.now() < this.#heldUntil;
  }

  async #claim(): Promise<void> {
    const claimedAt = performance.now();
    if (await this.#lease?.claim()) this.#heldUntil = claimedAt + this.#options.ackWaitMs;
    else this.#heldUntil = 0;
  }

  /** Extends the acknowledgement time of messages in flight, and renews the lease; without the lease, stops pulling. */
  async #beat(): Promise<void> {
    if (this.#messages === undefined) return;
    for (const message of this.#inFlight) message.working();
    await this.#claim().catch((error) => this.#logger.debug({ err: error }, "a lease could not be renewed"));
    if (!this.#holds) this.#messages?.stop();
  }

  async #pull(nats: NatsConnection): Promise<void> {
    const { exchange, name, inFlightMax = inFlightDefault } = this.#consumer;
    const manager = await jetstreamManager(nats);
    const [stream, durable] = [streamOf(exchange), streamOf(name)];
    await ensureStream(manager, stream, [`${exchange}.>`]);
    const { num_ack_pending: pending } = await manager.consumers.add(stream, {
      durable_name: durable,
      ack_policy: AckPolicy.Explicit,
      ack_wait: nanos(this.#options.ackWaitMs),
      max_ack_pending: inFlightMax,
      deliver_policy: DeliverPolicy.All,
    });
    // Messages in flight of a dead process are redelivered after this time, before new ones.
    if (pending > 0) await this.#waitForRedeliveries();
    if (!this.#life.isRunning || !this.#holds) return;
    const consumer = await jetstream(nats).consumers.get(stream, durable);
    this.#messages = await consumer.consume({ max_messages: inFlightMax });
    this.#options.refusals.clear(this.#refusalSubject);
    this.#life.markReady();
    const redeliveries = new Redeliveries(pending, this.#options.ackWaitMs / 3, (message) => this.#take(message));
    try {
      for await (const message of this.#messages) redeliveries.take(message);
    } finally {
      redeliveries.discard();
      this.#messages = undefined;
    }
  }

  async #waitForRedeliveries(): Promise<void> {
    const end = performance.now() + this.#options.ackWaitMs;
    while (performance.now() < end && this.#life.isRunning) {
      await this.#life.pause(this.#options.ackWaitMs / 3);
      await this.#claim();
    }
  }

  #take(message: JsMsg): void {
    const { exchange, name } = this.#consumer;
    const again = `${redriveSubjectOf(exchange, name)}.`;
    const isRedriven = message.subject.startsWith(again);
    const address = message.subject.slice((isRedriven ? again : `${exchange}.`).length);
    // A message redriven for another consumer.
    if (!isRedriven && address.startsWith("_again.")) {
      message.ack();
      return;
    }
    this.#inFlight.add(message);
    const delivery = {
      message: () => rawMessage(message),
      address,
      belongs: (topic: string) => (isRedriven ? this.#wanted(topic) : topic === topicOf(address)),
      redeliveries: message.info.deliveryCount - 1,
      done: () => this.#settled(message, () => message.ack()),
      release: () => this.#settled(message, () => message.nak()),
      deadLetter: async (letter: Parameters<typeof storeDeadLetter>[2]) => {
        await storeDeadLetter(await this.#connection, this.#consumer, letter);
        this.#settled(message, () => message.ack());
      },
    };
    void this.#work.take(delivery).then(() => this.#inFlight.delete(message));
  }

  #settled(message: JsMsg, respond: () => void): void {
    this.#inFlight.delete(message);
    if (!this.#life.isAbandoned) respond();
  }
}
