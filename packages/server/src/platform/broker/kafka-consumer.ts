import { Consumer, type Message, type MessagesStream } from "@platformatic/kafka";
import type { Logger } from "pino";
import { coalesced } from "../coalesce.ts";
import type { BrokerConsumer } from "./broker.ts";
import { ConsumerLifecycle } from "./consumer-lifecycle.ts";
import { goodbye } from "./goodbye.ts";
import type { KafkaConnection } from "./kafka-connection.ts";
import { deadLetterRecord } from "./kafka-dead-letters.ts";
import { againTopicOf, deadTopicOf, familiesOf, type KafkaTopics, kafkaTopicOf, type Produce } from "./kafka-topics.ts";
import { inFlightDefault, KeyedWork, type RetryPolicy } from "./keyed-work.ts";
import { Progress } from "./progress.ts";
import type { RawMessage } from "./read-message.ts";
import type { Refusals } from "./refusals.ts";
import { topicMatcher } from "./topics.ts";

interface Parts {
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

/** How long the cluster collects before it answers a fetch: what a message waits at most. */
const fetchWaitMs = 100;
/** How often a consumer of "all families" looks for new ones. */
const familiesEveryMs = 30_000;
const againAfterMs = 1_000;

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
  // A record without a value is a tombstone: empty, and no event.
  return { body: value ?? undefined, contentType, attributes };
}

/** One process's part in a group: reads its partitions, and commits an offset once all before it is settled. */
export class KafkaConsumer {
  readonly #parts: Parts;
  readonly #work: KeyedWork;
  readonly #wanted: (topic: string) => boolean;
  readonly #life: ConsumerLifecycle;
  #partitions = new Map<string, Partition>();
  #inFlight = 0;
  #roomMade = Promise.withResolvers<void>();
  #member: Member | undefined;
  #stream: Stream | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#work = new KeyedWork(parts.consumer, parts.retry, parts.logger);
    this.#wanted = topicMatcher(parts.consumer.topics);
    this.#life = new ConsumerLifecycle({
      run: () => this.#readAndLeave(),
      everyMs: againAfterMs,
      retry: { firstPauseMs: againAfterMs, longestPauseMs: againAfterMs },
      onFailure: (error) => {
        if (!parts.refusals.note(this.#place, error))
          parts.logger.warn({ err: error, consumer: parts.consumer.name }, "Kafka could not be read");
      },
    });
  }

  get #place(): string {
    return `consuming ${this.#parts.consumer.name}`;
  }

  get ready(): Promise<void> {
    return this.#life.ready;
  }

  /** Of the partitions that this member of the group reads. */
  async waiting(): Promise<number | undefined> {
    const member = this.#member;
    if (member === undefined || this.#stream === undefined) return undefined;
    const lags = await member.getLag({ topics: [...(member.assignments ?? [])].map(({ topic }) => topic) });
    // -1 stands for a partition of another member.
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
    await goodbye(left);
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
    const { connection, consumer, sessionMs, topics } = this.#parts;
    const { named, open } = familiesOf(consumer);
    await topics.ensure([...named, againTopicOf(consumer.name)]);
    const found = open ? await topics.familiesIn(consumer.exchange) : [];
    const subscribed = [...new Set([...named, ...found, againTopicOf(consumer.name)])];
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
    this.#parts.refusals.clear(this.#place);
    this.#life.markReady();
    const looking = open ? setInterval(() => void this.#lookForFamilies(subscribed), familiesEveryMs) : undefined;
    try {
      for await (const message of this.#stream) {
        await this.#room();
        if (!this.#life.isRunning) return;
        this.#take(message);
      }
    } finally {
      clearInterval(looking);
    }
  }

  async #lookForFamilies(subscribed: readonly string[]): Promise<void> {
    const found = await this.#parts.topics.familiesIn(this.#parts.consumer.exchange).catch(() => []);
    if (found.some((topic) => !subscribed.includes(topic))) await this.#leave();
  }

  async #room(): Promise<void> {
    const { inFlightMax = inFlightDefault } = this.#parts.consumer;
    while (this.#inFlight >= inFlightMax && this.#life.isRunning) {
      this.#roomMade = Promise.withResolvers<void>();
      await this.#roomMade.promise;
    }
  }

  #take(message: Received): void {
    const { consumer, produce } = this.#parts;
    const settled = this.#partitionOf(message).progress.take(message);
    const isAgain = message.topic === againTopicOf(consumer.name);
    this.#inFlight += 1;
    const nothing = () => {};
    const delivery = {
      message: () => rawMessage(message),
      address: message.topic,
      belongs: (topic: string) => (isAgain ? this.#wanted(topic) : kafkaTopicOf(consumer.exchange, topic) === message.topic),
      returned: 0,
      done: nothing,
      release: nothing,
      putAside: async (letter: Parameters<typeof deadLetterRecord>[1]) => {
        await this.#parts.topics.ensure([deadTopicOf(consumer.name)], [{ name: "cleanup.policy", value: "compact" }]);
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

  /** After the group's members have changed, a partition may be read again from its offset: then it is begun anew. */
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
      this.#parts.logger.warn({ err: error, consumer: this.#parts.consumer.name }, "offsets could not be committed"),
    );
  }

  readonly #commit = coalesced(async () => {
    if (this.#life.isAbandoned) return;
    const reached = [...this.#partitions.values()].map(({ progress }) => progress.advance()).filter((message) => message !== undefined);
    if (reached.length === 0) return;
    await this.#member?.commit({
      offsets: reached.map(({ topic, partition, offset, leaderEpoch }) => ({
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
    // A stream that is being destroyed cannot be closed, and the client then stays in the group; the second call finds none.
    await member
      ?.close(true)
      .catch(() => member.close(true).catch((error) => this.#parts.logger.warn({ err: error }, "a group could not be left")));
  }
}

interface Partition {
  readonly progress: Progress<Received>;
  last: bigint;
}
