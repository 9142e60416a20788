import { Consumer, type Message, type MessagesStream } from "@platformatic/kafka";
import type { Logger } from "pino";
import { coalesced } from "../coalesce.ts";
import type { BrokerConsumer } from "./broker.ts";
import { closeInTime } from "./close-in-time.ts";
import { ConsumerLifecycle } from "./consumer-lifecycle.ts";
import type { KafkaConnection } from "./kafka-connection.ts";
import { deadLetterRecord } from "./kafka-dead-letters.ts";
import { deadTopicOf, type KafkaTopics, kafkaTopicOf, namedFamilies, type Produce, redriveTopicOf } from "./kafka-topics.ts";
import { inFlightDefault, KeyedWork, type RetryPolicy } from "./keyed-work.ts";
import { Progress } from "./progress.ts";
import type { RawMessage } from "./read-message.ts";
import type { Refusals } from "./refusals.ts";
import { topicMatcher } from "./topics.ts";

interface Dependencies {
  readonly connection: KafkaConnection;
  readonly topics: KafkaTopics;
  readonly consumer: BrokerConsumer;
  readonly retry: RetryPolicy;
  readonly sessionMs: number;
  readonly logger: Logger;
  readonly produce: Produce;
  readonly refusals: Refusals;
}

type Member = Consumer<Buffer, Buffer, Buffer, Buffer>;
type Stream = MessagesStream<Buffer, Buffer, Buffer, Buffer>;
type Received = Message<Buffer, Buffer, Buffer, Buffer>;

/** How long the cluster collects before it answers a fetch: the maximum delay of a message. */
const fetchWaitMs = 100;
/** How often a consumer of all families checks for new ones. */
const familiesEveryMs = 30_000;
const retryMs = 1_000;

/** Kafka binding of CloudEvents, §3.2.3. */
const attributePrefix = "ce_";

function rawMessage({ value, headers }: Received): RawMessage {
  const attributes: Record<string, string> = {};
  let contentType: string | undefined;
  for (const [key, bytes] of headers) {
    const name = key.toString("utf8");
    if (name.startsWith(attributePrefix)) attributes[name.slice(attributePrefix.length)] = bytes?.toString("utf8") ?? "";
    if (name.toLowerCase() === "content-type") contentType = bytes?.toString("utf8");
  }
  // A record without a value is a tombstone: empty, and not an event.
  return { body: value ?? undefined, contentType, attributes };
}

/** One member of a consumer group: reads its partitions, and commits an offset once all earlier messages are settled. */
export class KafkaConsumer {
  readonly #dependencies: Dependencies;
  readonly #work: KeyedWork;
  readonly #wanted: (topic: string) => boolean;
  readonly #life: ConsumerLifecycle;
  #partitions = new Map<string, Partition>();
  #inFlight = 0;
  #roomMade = Promise.withResolvers<void>();
  #member: Member | undefined;
  #stream: Stream | undefined;

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies;
    this.#work = new KeyedWork(dependencies.consumer, dependencies.retry, dependencies.logger);
    this.#wanted = topicMatcher(dependencies.consumer.topics);
    this.#life = new ConsumerLifecycle({
      run: () => this.#readAndLeave(),
      everyMs: retryMs,
      retry: { firstPauseMs: retryMs, longestPauseMs: retryMs },
      onFailure: (error) => {
        if (!dependencies.refusals.record(this.#refusalSubject, error))
          dependencies.logger.warn({ err: error, consumer: dependencies.consumer.name }, "Kafka could not be read");
      },
    });
  }

  get #refusalSubject(): string {
    return `consuming ${this.#dependencies.consumer.name}`;
  }

  get ready(): Promise<void> {
    return this.#life.ready;
  }

  /** Counts messages of the partitions that this member reads. */
  async waiting(): Promise<number | undefined> {
    const member = this.#member;
    if (member === undefined || this.#stream === undefined) return undefined;
    const lags = await member.getLag({ topics: [...(member.assignments ?? [])].map(({ topic }) => topic) });
    // -1 means a partition of another member.
    return [...lags.values()].flat().reduce((sum, lag) => sum + Math.max(0, Number(lag)), 0);
  }

  start(): void {
    this.#life.start();
  }

  async close(): Promise<void> {
    const closing = this.#life.close();
    if (closing === undefined) return;
    this.#roomMade.resolve();
    await this.#work.stop();
    const left = this.#commit()
      .catch(() => {})
      .then(() => this.#leave())
      .then(() => closing.loopEnded);
    await closeInTime(left);
  }

  abandon(): void {
    this.#life.abandon();
    this.#roomMade.resolve();
    void this.#work.stop();
    void this.#leave();
  }

  async #readAndLeave(): Promise<boolean> {
    try {
      await this.#read();
    } finally {
      await this.#leave();
    }
    return false;
  }

  async #read(): Promise<void> {
    const { connection, consumer, sessionMs, topics } = this.#dependencies;
    const { named, open } = namedFamilies(consumer);
    await topics.ensure([...named, redriveTopicOf(consumer.name)]);
    const found = open ? await topics.familiesIn(consumer.exchange) : [];
    const subscribed = [...new Set([...named, ...found, redriveTopicOf(consumer.name)])];
    this.#partitions = new Map();
    const member: Member = new Consumer({
      ...connection,
      groupId: consumer.name,
      autocommit: false,
      sessionTimeout: sessionMs,
      rebalanceTimeout: sessionMs,
      heartbeatInterval: Math.floor(sessionMs / 3),
      maxWaitTime: fetchWaitMs,
    });
    this.#member = member;
    this.#stream = await member.consume({ topics: subscribed, mode: "committed", fallbackMode: "earliest" });
    this.#dependencies.refusals.clear(this.#refusalSubject);
    this.#life.markReady();
    const timer = open ? setInterval(() => void this.#lookForFamilies(subscribed), familiesEveryMs) : undefined;
    try {
      for await (const message of this.#stream) {
        await this.#room();
        if (!this.#life.isRunning) return;
        this.#take(message);
      }
    } finally {
      clearInterval(timer);
    }
  }

  async #lookForFamilies(subscribed: readonly string[]): Promise<void> {
    const found = await this.#dependencies.topics.familiesIn(this.#dependencies.consumer.exchange).catch(() => []);
    if (found.some((topic) => !subscribed.includes(topic))) await this.#leave();
  }

  async #room(): Promise<void> {
    const { inFlightMax = inFlightDefault } = this.#dependencies.consumer;
    while (this.#inFlight >= inFlightMax && this.#life.isRunning) {
      this.#roomMade = Promise.withResolvers<void>();
      await this.#roomMade.promise;
    }
  }

  #take(message: Received): void {
    const { consumer, produce } = this.#dependencies;
    const settled = this.#partitionOf(message).progress.take(message);
    const isRedriven = message.topic === redriveTopicOf(consumer.name);
    this.#inFlight += 1;
    const nothing = () => {};
    const delivery = {
      message: () => rawMessage(message),
      address: message.topic,
      belongs: (topic: string) => (isRedriven ? this.#wanted(topic) : kafkaTopicOf(consumer.exchange, topic) === message.topic),
      redeliveries: 0,
      done: nothing,
      release: nothing,
      deadLetter: async (letter: Parameters<typeof deadLetterRecord>[1]) => {
        await this.#dependencies.topics.ensure([deadTopicOf(consumer.name)], [{ name: "cleanup.policy", value: "compact" }]);
        await produce([deadLetterRecord(consumer.name, letter)]);
      },
    };
    void this.#work.take(delivery).then((isSettled) => {
      this.#inFlight -= 1;
      this.#roomMade.resolve();
      if (!isSettled) return;
      settled();
      this.#commitSoon();
    });
  }

  /** After a rebalance, a partition may be read again from its committed offset: then its progress is reset. */
  #partitionOf({ topic, partition, offset }: Received): Partition {
    const key = `${topic}/${partition}`;
    const known = this.#partitions.get(key);
    const current = known !== undefined && offset > known.last ? known : { progress: new Progress<Received>(), last: -1n };
    current.last = offset;
    this.#partitions.set(key, current);
    return current;
  }

  #commitSoon(): void {
    this.#commit().catch((error) =>
      this.#dependencies.logger.warn({ err: error, consumer: this.#dependencies.consumer.name }, "offsets could not be committed"),
    );
  }

  readonly #commit = coalesced(async () => {
    if (this.#life.isAbandoned) return;
    const settled = [...this.#partitions.values()].map(({ progress }) => progress.advance()).filter((message) => message !== undefined);
    if (settled.length === 0) return;
    await this.#member?.commit({
      offsets: settled.map(({ topic, partition, offset, leaderEpoch }) => ({
        topic,
        partition,
        offset: offset + 1n,
        leaderEpoch: leaderEpoch ?? -1,
      })),
    });
  });

  async #leave(): Promise<void> {
    const member = this.#member;
    this.#member = undefined;
    this.#stream = undefined;
    // Closing fails while the stream is being destroyed, and the client then stays in the group; the second call succeeds.
    await member
      ?.close(true)
      .catch(() => member.close(true).catch((error) => this.#dependencies.logger.warn({ err: error }, "a group could not be left")));
  }
}

interface Partition {
  readonly progress: Progress<Received>;
  last: bigint;
}
