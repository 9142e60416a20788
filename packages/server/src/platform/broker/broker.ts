import type { DeadLetters } from "../dead-letters.ts";
import type { Envelope } from "./cloud-event.ts";

/**
 * The broker port: carries events to programs outside and brings theirs in (decision 0022). At least once, in order per
 * subject, with a position that outlives a restart. The product's own consumers read the log instead (log/consumers).
 */
export interface Broker {
  readonly kind: "in-process" | "rabbitmq" | "kafka" | "jetstream";
  /**
   * Resolves when the broker has confirmed that all of them are kept. Rejects with `Unavailable` otherwise: then some may
   * have arrived, and whoever publishes them again is understood by their ids.
   */
  publish(messages: readonly BrokerMessage[]): Promise<void>;
  /** Begins to hand messages over. Does not wait for a broker that is away; {@link BrokerSubscription.ready} does. */
  consume(consumer: BrokerConsumer): BrokerSubscription;
  /** What a consumer could not handle. */
  deadLetters(consumer: BrokerConsumerName): DeadLetters;
  /** Asks the broker, and rejects when it does not answer in time: that a connection is open says nothing of one that is frozen. */
  ping(): Promise<void>;
  /** Makes what publishing there needs, so that a refusal is known before the first event. Rejects with `Unavailable`. */
  prepare(exchange: string): Promise<void>;
  /** What the broker refuses now, in its own words, with secrets masked; undefined where nothing. */
  refusal(): string | undefined;
  /** Looks at what is there already and says what cannot serve, a sentence each. Changes nothing. Rejects with `Unavailable`. */
  inspect(needs: BrokerNeeds): Promise<readonly string[]>;
  /** Lets handlers that run finish, hands back what waits, then closes. */
  close(): Promise<void>;
  /** Lets go of everything at once and unacknowledged, as at the end of a grace time. What ran is handed over again. */
  abandon(): void;
}

export interface BrokerMessage {
  /** The exchange, stream or family of topics: `iam.events`. */
  readonly exchange: string;
  readonly event: Envelope;
}

export interface BrokerConsumerName {
  /** Of the queue, group or durable consumer: `iam.billing`. */
  readonly name: string;
  readonly exchange: string;
}

/** What the product publishes to and receives from. */
export interface BrokerNeeds {
  readonly exchanges: readonly string[];
  readonly consumers: readonly BrokerConsumerName[];
}

export interface BrokerConsumer extends BrokerConsumerName {
  /** Topics as `subscription.activated`; `*` stands for one word, `#` at the end for all that follow. */
  readonly topics: readonly string[];
  /** Most messages that are handed over and not settled (32): of a slow consumer the broker keeps the rest. */
  readonly inFlightMax?: number;
  /**
   * Must be idempotent (see `once` in inbox.ts). Called for one message of a subject at a time. A rejection is tried again
   * after a pause, with the subject's later messages waiting behind it; at last the message becomes a dead letter.
   * {@link Poison} becomes one at once, and `Unavailable` never does: the message waits as long as that takes.
   */
  handle(received: Received): Promise<void>;
  /** Told of each event that lies where this consumer reads and is of none of its topics. */
  passedOver?(): void;
}

export interface Received {
  readonly event: Envelope;
  readonly topic: string;
  /** From 1. */
  readonly attempt: number;
}

export interface BrokerSubscription {
  /** Resolves when messages can come: the broker knows of the consumer. */
  ready(): Promise<void>;
  /** Messages that the broker keeps for the consumer and that are not settled; undefined while the consumer is not connected. */
  waiting(): Promise<number | undefined>;
  close(): Promise<void>;
}

/** Thrown by a handler to say that no other try can help: the message is put aside at once. */
export class Poison extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = "Poison";
  }
}
