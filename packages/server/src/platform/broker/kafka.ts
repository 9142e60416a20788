import { ProduceAcks, Producer, stringSerializers } from "@platformatic/kafka";
import type { Logger } from "pino";
import { parseKafkaAddress } from "../kafka/address.ts";
import { policies } from "../resilience/policies.ts";
import { within } from "../waiting.ts";
import type { Broker, BrokerMessage } from "./broker.ts";
import { closeInTime } from "./close-in-time.ts";
import { cloudEventType, keyOf, topicOf } from "./cloud-event.ts";
import { aliasesOf } from "./kafka-aliases.ts";
import { type KafkaConnection, kafkaConnection } from "./kafka-connection.ts";
import { KafkaConsumer } from "./kafka-consumer.ts";
import { kafkaDeadLetters } from "./kafka-dead-letters.ts";
import { type KafkaRecord, KafkaTopics, kafkaTopicOf } from "./kafka-topics.ts";
import { defaultRetry, type RetryPolicy } from "./keyed-work.ts";
import { Refusals } from "./refusals.ts";
import { unavailable } from "./unavailable.ts";

export interface KafkaOptions {
  readonly retry?: RetryPolicy;
  readonly confirmMs?: number;
  /** How long a member of a group may be silent before it counts as dead. */
  readonly sessionMs?: number;
  /** Also publishes to the alias topics (`beauth.user.created`). */
  readonly aliases?: boolean;
  /** Certificates (PEM) of the cluster's authority, if Node does not trust it already. */
  readonly ca?: string | undefined;
}

const confirmMsDefault = policies["broker.publish"].timeLimitMs;
/** Kafka's own default before 3.0; most clusters allow at least 6 seconds. */
const sessionMsDefault = 10_000;
/** Time limit of one request, as of a connection; the producer retries within the time limit of a confirm. */
const requestMs = policies["broker.connection"].timeLimitMs;

export type KafkaProducer = Producer<string, string, string, string>;

/**
 * Kafka: a topic per family of events, the subject as key, so that a subject is in one partition; an idempotent
 * producer that waits for all in-sync replicas; a group per consumer, whose offsets are committed after the handling.
 */
export function kafkaBroker(url: string, logger: Logger, options: KafkaOptions = {}): Broker {
  const { retry = defaultRetry, confirmMs = confirmMsDefault, sessionMs = sessionMsDefault, aliases = false, ca } = options;
  const log = logger.child({ module: "broker" });
  const address = parseKafkaAddress(url);
  if (address === undefined) throw new Error("the address of Kafka cannot be read");
  const connection = kafkaConnection(address, Math.min(requestMs, confirmMs), ca);
  const topics = new KafkaTopics(connection);
  const refusals = new Refusals("Kafka", log);
  const ping = (): Promise<void> =>
    unavailable(() =>
      within(
        Math.min(requestMs, confirmMs),
        "Kafka does not answer",
        refusals.at("connection", () => topics.ping()),
      ),
    );
  const consumers = new Set<KafkaConsumer>();
  let producer: KafkaProducer | undefined;
  let abandoned = false;

  const produce = async (records: readonly KafkaRecord[]): Promise<void> => {
    producer ??= newProducer(connection);
    const sending = producer;
    try {
      await within(
        confirmMs,
        "Kafka confirmed too late",
        refusals.at("publishing", async () => {
          await topics.ensure([...new Set(records.map(({ topic }) => topic))]);
          await sending.send({ messages: [...records], acks: ProduceAcks.ALL });
        }),
      );
    } catch (error) {
      // An idempotent producer numbers its messages: after a failure a new producer restarts the numbers.
      if (producer === sending) producer = undefined;
      void sending.close(true).catch(() => {});
      throw error;
    }
  };

  return {
    kind: "kafka",
    publish: (messages) =>
      unavailable(async () => {
        if (messages.length > 0) await produce(messages.flatMap((message) => recordsOf(message, aliases)));
      }),
    consume(consumer) {
      const running = new KafkaConsumer({ connection, topics, consumer, retry, sessionMs, logger: log, produce, refusals });
      consumers.add(running);
      running.start();
      return {
        ready: () => running.ready,
        waiting: () => running.waiting(),
        close: async () => {
          consumers.delete(running);
          await running.close();
        },
      };
    },
    deadLetters: ({ name }) => kafkaDeadLetters({ connection, topics, produce }, name),
    ping,
    // Topics are created per family with the first event.
    prepare: ping,
    refusal: () => refusals.sentence,
    inspect: ({ exchanges, consumers }) =>
      unavailable(async () => {
        const found = await Promise.all(
          [...exchanges, ...consumers.map(({ exchange }) => exchange)].map((name) => topics.familiesIn(name)),
        );
        return within(confirmMs, "Kafka does not answer", topics.refused(found.flat()));
      }),
    async close() {
      if (abandoned) return;
      await Promise.all([...consumers].map((consumer) => consumer.close()));
      await closeInTime(Promise.all([producer?.close(true), topics.close()]));
    },
    abandon() {
      abandoned = true;
      for (const consumer of consumers) consumer.abandon();
      void Promise.all([producer?.close(true), topics.close()]).catch(() => {});
    },
  };
}

function recordsOf({ exchange, event }: BrokerMessage, aliases: boolean): readonly KafkaRecord[] {
  const topic = topicOf(event.type);
  const record = { key: keyOf(event), value: JSON.stringify(event), headers: { "content-type": cloudEventType } };
  const also = aliases ? aliasesOf(event) : [];
  return [kafkaTopicOf(exchange, topic), ...also].map((of) => ({ ...record, topic: of }));
}

/** Without a producer id (-1, KIP-360): the cluster assigns one. */
const newProducer = (connection: KafkaConnection): KafkaProducer =>
  new Producer({
    ...connection,
    serializers: stringSerializers,
    idempotent: true,
    producerId: -1n,
    producerEpoch: -1,
    autocreateTopics: true,
  });
