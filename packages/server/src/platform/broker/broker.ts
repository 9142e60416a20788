import type { DeadLetters } from "../dead-letters.ts";
import type { Envelope } from "./cloud-event.ts";

/**
 * The broker port: publishes events to other programs and consumes theirs (decision 0022). At least once, in order per
 * subject, with a position that survives a restart. The product's own consumers read the log instead (log/consumers).
 */
export interface Broker {
  readonly kind: "in-process" | "rabbitmq" | "kafka" | "jetstream";
  /**
   * Resolves when the broker has confirmed that all of them are stored. Rejects with `Unavailable` otherwise: then some may
   * have arrived, and receivers deduplicate them by their ids when they are published again.
   */
  publish(messages: readonly BrokerMessage[]): Promise<void>;
  /** Starts to deliver messages. Does not wait for an unavailable broker; {@link BrokerSubscription.ready} does. */
  consume(consumer: BrokerConsumer): BrokerSubscription;
  /** The messages that a consumer could not handle. */
  deadLetters(consumer: BrokerConsumerName): DeadLetters;
  /** Sends a request to the broker, and rejects if it is not answered in time, because an open connection may be frozen. */
  ping(): Promise<void>;
  /** Creates what publishing to the exchange needs, so that a refusal is known before the first event. Rejects with `Unavailable`. */
  prepare(exchange: string): Promise<void>;
  /** What the broker refuses now, as its own masked error text; undefined if nothing. */
  refusal(): string | undefined;
  /** Checks existing exchanges, queues and streams, and returns a sentence per problem. Changes nothing. Rejects with `Unavailable`. */
  inspect(needs: BrokerNeeds): Promise<readonly string[]>;
  /** Finishes running handlers, returns waiting messages to the broker, then closes. */
  close(): Promise<void>;
  /** Drops all messages at once and unacknowledged, as at the end of a grace time. They are redelivered. */
  abandon(): void;
}

export interface BrokerMessage {
  /** The exchange, stream or family of topics: `iam.events`. */
  readonly exchange: string;
  readonly event: Envelope;
}

export interface BrokerConsumerName {
  /** The name of the queue, group or durable consumer: `iam.billing`. */
  readonly name: string;
  readonly exchange: string;
}

/** What the product publishes to and receives from. */
export interface BrokerNeeds {
  readonly exchanges: readonly string[];
  readonly consumers: readonly BrokerConsumerName[];
}

export interface BrokerConsumer extends BrokerConsumerName {
  /** Topics such as `subscription.activated`; `*` matches one word, `#` at the end all following words. */
  readonly topics: readonly string[];
  /** The maximum number of unsettled messages (32); the broker retains the rest of a slow consumer. */
  readonly inFlightMax?: number;
  /**
   * Must be idempotent (see `once` in inbox.ts). Called for one message per subject at a time. A rejection is retried after a
   * pause, while the subject's later messages wait; after the last attempt the message becomes a dead letter. With
   * `NonRetryableError` it becomes one at once, with `Unavailable` never: then the message waits until the dependency is available.
   */
  handle(received: Received): Promise<void>;
  /** Called for each delivered event that matches none of the topics. */
  onSkipped?(): void;
}

export interface Received {
  readonly event: Envelope;
  readonly topic: string;
  /** From 1. */
  readonly attempt: number;
}

export interface BrokerSubscription {
  /** Resolves when messages can be delivered: the broker knows the consumer. */
  ready(): Promise<void>;
  /** The broker's unsettled messages for the consumer; undefined while the consumer is not connected. */
  waiting(): Promise<number | undefined>;
  close(): Promise<void>;
}
