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

/** A message in the hands of this process, as an adapter got it. */
export interface Delivery {
  message(): RawMessage;
  /** Where the message lay, in the broker's terms: its routing key, subject or topic. */
  readonly address: string;
  /**
   * Whether an event of this topic belongs there. The permissions of a broker are about addresses, so an event at another's is refused:
   * who may publish subscriptions may not ask for a deletion.
   */
  belongs(topic: string): boolean;
  /** How often it was handed over before and came back, where the broker counts it. */
  readonly returned: number;
  /** Tells the broker that it is handled. */
  done(): Promise<void> | void;
  /** Keeps it as a dead letter; when this resolves, the broker may forget the message. */
  deadLetter(letter: DeadLetter): Promise<void>;
  /** Gives it back unhandled. */
  release(): Promise<void> | void;
}

export interface RetryPolicy extends RetrySchedule {
  readonly attemptsMax: number;
}

/** Six tries within half a minute: longer than a restart of what the handler needs, shorter than a subject may be late. */
export const defaultRetry: RetryPolicy = { attemptsMax: 6, firstPauseMs: 1_000, longestPauseMs: 30_000 };
export const inFlightDefault = 32;
/** A message that came back so often has probably ended the processes that handled it. */
const returnedMax = 20;
/** Of a dead letter as JSON: Kafka and NATS take a million bytes by default, and one that they refuse would be tried for ever. */
const letterBytesMax = 900_000;
/** A character is six bytes at most as JSON has it. */
const bodyCharactersMax = 140_000;
/** Types of events that a log names once; more would be a producer that makes types up. */
const passedOverTypesMax = 100;

/** Of a source's hash: enough to tell a few sources apart. */
const sourceHexDigits = 12;

/** An id is one source's alone (CloudEvents 1.0, §3.1.1) unless it is a UUID: letters of two sources must not replace each other. */
const letterIdOf = ({ id, source }: Envelope): string =>
  isUuid.test(id)
    ? id
    : `${id.slice(0, idCharactersMax)}-${createHash("sha256").update(`${source} ${id}`).digest("hex").slice(0, sourceHexDigits)}`;
/** With the hash, still a short text of AMQP 0-9-1 (255 bytes), also where each character is four bytes. */
const idCharactersMax = 60;

/** A letter that every broker takes. One that was cut cannot be handled again, and says so. */
function bounded(letter: DeadLetter): DeadLetter {
  if (Buffer.byteLength(JSON.stringify(letter)) <= letterBytesMax) return letter;
  const failure = `${letter.failure} (of ${letter.body.length} characters the first ${bodyCharactersMax} are kept)`;
  return { ...letter, body: letter.body.slice(0, bodyCharactersMax), failure };
}

/**
 * Hands messages to a consumer: those of one subject one after the other, others beside them. A message that fails is held
 * here, unacknowledged, until its next try, so that none of its subject overtakes it; a retry queue would let it be overtaken.
 */
export class KeyedWork {
  readonly #consumer: BrokerConsumer;
  readonly #retry: RetryPolicy;
  readonly #logger: Logger;
  readonly #wanted: (topic: string) => boolean;
  readonly #passedOver = new Set<string>();
  readonly #tails = new Map<string, Promise<void>>();
  readonly #stopping = Promise.withResolvers<void>();
  #stopped = false;

  constructor(consumer: BrokerConsumer, retry: RetryPolicy, logger: Logger) {
    this.#consumer = consumer;
    this.#wanted = topicMatcher(consumer.topics);
    this.#retry = retry;
    this.#logger = logger.child({ module: "broker" });
  }

  /** Takes a message; resolves true when it is handled, passed over or dead-lettered, false when it was released. Never rejects. */
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

  /** Begins no other try, gives back what waits, and resolves when the handlers that run have ended. */
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
      // The broker did not hear of it and will hand the message over again.
      this.#logger.warn({ err: error, consumer: this.#consumer.name }, "a message could not be settled");
      return false;
    }
  }

  async #handled(delivery: Delivery, reading: Reading): Promise<"handled" | "released" | DeadLetter> {
    const { address, returned } = delivery;
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
    if (!this.#wanted(topic)) return this.#passOver(event);
    if (returned >= returnedMax) return letter(returned, "it was handed over again and again and never settled");
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

  /** Of an event that lies where the consumer reads, and that it has not asked for; told once a type. */
  #passOver({ type }: Envelope): "handled" {
    this.#consumer.passedOver?.();
    if (this.#passedOver.size < passedOverTypesMax && !this.#passedOver.has(type)) {
      this.#passedOver.add(type);
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
