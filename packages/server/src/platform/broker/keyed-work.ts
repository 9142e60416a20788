import { createHash } from "node:crypto";
import type { Logger } from "pino";
import { v7 as uuid } from "uuid";
import { isUnavailable } from "../database/driver-errors.ts";
import type { DeadLetter } from "../dead-letters.ts";
import { failureText } from "../failure-text.ts";
import { type RetrySchedule, retryPauseMs } from "../loop.ts";
import { NonRetryableError } from "../non-retryable-error.ts";
import { pauseUntil } from "../waiting.ts";
import type { BrokerConsumer } from "./broker.ts";
import { type Envelope, keyOf, topicOf } from "./cloud-event.ts";
import { isUuid, type RawMessage, type Reading, readMessage } from "./read-message.ts";
import { topicMatcher } from "./topics.ts";

/** A message as delivered to an adapter. */
export interface Delivery {
  message(): RawMessage;
  /** The message's address in the broker: its routing key, subject or topic. */
  readonly address: string;
  /**
   * Whether an event of this topic may have this address. A broker's permissions are per address, so an event with a wrong address is refused:
   * permission to publish subscriptions must not allow requesting a deletion.
   */
  belongs(topic: string): boolean;
  /** How often it was redelivered, if the broker counts it. */
  readonly redeliveries: number;
  /** Acknowledges the message. */
  done(): Promise<void> | void;
  /** Stores it as a dead letter; when this resolves, the broker may delete the message. */
  deadLetter(letter: DeadLetter): Promise<void>;
  /** Returns it to the broker unhandled. */
  release(): Promise<void> | void;
}

export interface RetryPolicy extends RetrySchedule {
  readonly attemptsMax: number;
}

/** Six attempts within half a minute: longer than a restart of a dependency, shorter than a subject may be delayed. */
export const defaultRetry: RetryPolicy = { attemptsMax: 6, firstPauseMs: 1_000, longestPauseMs: 30_000 };
export const inFlightDefault = 32;
/** A message with more redeliveries has probably crashed the processes that handled it. */
const redeliveriesMax = 20;
/** Size limit of a dead letter as JSON: Kafka and NATS accept a million bytes by default, and a rejected one would be retried forever. */
const letterBytesMax = 900_000;
/** A character has at most six bytes in JSON. */
const bodyCharactersMax = 140_000;
/** Event types that are logged once each; more would mean a producer with generated types. */
const skippedTypesMax = 100;

/** Digits of a source's hash: enough to distinguish a few sources. */
const sourceHexDigits = 12;

/** An id is unique per source only (CloudEvents 1.0, §3.1.1) unless it is a UUID: letters of two sources must not replace each other. */
const letterIdOf = ({ id, source }: Envelope): string =>
  isUuid.test(id)
    ? id
    : `${id.slice(0, idCharactersMax)}-${createHash("sha256").update(`${source} ${id}`).digest("hex").slice(0, sourceHexDigits)}`;
/** With the hash, still a short string of AMQP 0-9-1 (255 bytes), even with four bytes per character. */
const idCharactersMax = 60;

/** Limits a letter to the size that every broker accepts. A truncated one says so, and cannot be redriven. */
function bounded(letter: DeadLetter): DeadLetter {
  if (Buffer.byteLength(JSON.stringify(letter)) <= letterBytesMax) return letter;
  const failure = `${letter.failure} (of ${letter.body.length} characters the first ${bodyCharactersMax} are stored)`;
  return { ...letter, body: letter.body.slice(0, bodyCharactersMax), failure };
}

/**
 * Delivers messages to a consumer: sequentially per subject, concurrently across subjects. A failed message is held
 * here, unacknowledged, until its next attempt, so that the order per subject is preserved; a retry queue would break it.
 */
export class KeyedWork {
  readonly #consumer: BrokerConsumer;
  readonly #retry: RetryPolicy;
  readonly #logger: Logger;
  readonly #wanted: (topic: string) => boolean;
  readonly #skippedTypes = new Set<string>();
  readonly #tails = new Map<string, Promise<void>>();
  readonly #stopping = Promise.withResolvers<void>();
  #stopped = false;

  constructor(consumer: BrokerConsumer, retry: RetryPolicy, logger: Logger) {
    this.#consumer = consumer;
    this.#wanted = topicMatcher(consumer.topics);
    this.#retry = retry;
    this.#logger = logger.child({ module: "broker" });
  }

  /** Takes a message; resolves true when it was handled, skipped or dead-lettered, false when it was released. Never rejects. */
  take(delivery: Delivery): Promise<boolean> {
    const reading = readMessage(delivery.message);
    const key = reading.event === undefined ? uuid() : keyOf(reading.event);
    const settled = (this.#tails.get(key) ?? Promise.resolve()).then(() => this.#settle(delivery, reading));
    const tail = settled.then(() => {
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    });
    this.#tails.set(key, tail);
    return settled;
  }

  /** Starts no other attempt, releases waiting messages, and resolves when running handlers have ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#stopping.resolve();
    await Promise.all(this.#tails.values());
  }

  async #settle(delivery: Delivery, reading: Reading): Promise<boolean> {
    try {
      const outcome = await this.#handled(delivery, reading);
      if (outcome === "handled") await delivery.done();
      else if (outcome === "released") await delivery.release();
      else if (!(await this.#deadLetter(delivery, outcome))) await delivery.release();
      else return true;
      return outcome === "handled";
    } catch (error) {
      // The broker did not receive it and will redeliver the message.
      this.#logger.warn({ err: error, consumer: this.#consumer.name }, "a message could not be settled");
      return false;
    }
  }

  async #handled(delivery: Delivery, reading: Reading): Promise<"handled" | "released" | DeadLetter> {
    const { address, redeliveries } = delivery;
    const { event, text } = reading;
    const topic = event === undefined ? address : topicOf(event.type);
    const letter = (attempts: number, error: unknown): DeadLetter =>
      bounded({
        id: reading.event === undefined ? (reading.id ?? uuid()) : letterIdOf(reading.event),
        topic,
        body: text,
        attempts,
        failure: failureText(error),
        failedAt: new Date().toISOString(),
      });
    if (event === undefined) return letter(0, reading.refused);
    if (!delivery.belongs(topic)) return letter(0, `an event of the type ${event.type} does not belong on ${address}`);
    if (!this.#wanted(topic)) return this.#skip(event);
    if (redeliveries >= redeliveriesMax) return letter(redeliveries, "it was redelivered repeatedly and never settled");
    for (let attempts = 0, pauses = 0; ; pauses += 1) {
      if (this.#stopped) return "released";
      try {
        await this.#consumer.handle({ event, topic, attempt: attempts + 1 });
        return "handled";
      } catch (error) {
        if (!isUnavailable(error)) attempts += 1;
        this.#logger.warn(
          { err: error, consumer: this.#consumer.name, eventId: event.id, attempt: attempts },
          "a message could not be handled",
        );
        if (error instanceof NonRetryableError || attempts >= this.#retry.attemptsMax) return letter(attempts, error);
      }
      await this.#pause(pauses);
    }
  }

  /** Skips an event that matches no topic of the consumer; logged once per type. */
  #skip({ type }: Envelope): "handled" {
    this.#consumer.onSkipped?.();
    if (this.#skippedTypes.size < skippedTypesMax && !this.#skippedTypes.has(type)) {
      this.#skippedTypes.add(type);
      this.#logger.info({ consumer: this.#consumer.name, type }, "events of this type are passed over");
    }
    return "handled";
  }

  async #deadLetter(delivery: Delivery, letter: DeadLetter): Promise<boolean> {
    for (let pauses = 0; ; pauses += 1) {
      try {
        await delivery.deadLetter(letter);
        this.#logger.error(
          { consumer: this.#consumer.name, eventId: letter.id, failure: letter.failure },
          "a message could not be handled and is a dead letter",
        );
        return true;
      } catch (error) {
        this.#logger.warn({ err: error, consumer: this.#consumer.name }, "a message could not be dead-lettered");
      }
      if (this.#stopped) return false;
      await this.#pause(pauses);
    }
  }

  async #pause(before: number): Promise<void> {
    await pauseUntil(retryPauseMs(this.#retry, before + 1), this.#stopping.promise);
  }
}
