import type { Logger } from "pino";
import { v7 as uuid } from "uuid";
import { isUnavailable } from "../database/faults.ts";
import { maskText } from "../telemetry/masking.ts";
import { pauseUntil } from "../waiting.ts";
import { type BrokerConsumer, type DeadLetter, Poison } from "./broker.ts";
import { type Envelope, keyOf, readEnvelope } from "./cloud-event.ts";

/** A message in the hands of this process, as an adapter got it. */
export interface Delivery {
  readonly topic: string;
  readonly body: string;
  /** How often it was handed over before and came back, where the broker counts it. */
  readonly returned: number;
  /** Tells the broker that it is handled. */
  done(): Promise<void> | void;
  /** Keeps it as a dead letter; when this resolves, the broker may forget the message. */
  putAside(letter: DeadLetter): Promise<void>;
  /** Gives it back unhandled. */
  release(): Promise<void> | void;
}

export interface RetryPolicy {
  readonly attemptsMax: number;
  readonly firstPauseMs: number;
  readonly pauseMsMax: number;
}

/** Six tries within half a minute: longer than a restart of what the handler needs, shorter than a subject may be late. */
export const defaultRetry: RetryPolicy = { attemptsMax: 6, firstPauseMs: 1_000, pauseMsMax: 30_000 };
export const inFlightDefault = 32;
/** A message that came back so often has probably ended the processes that handled it. */
const returnedMax = 20;

/**
 * Hands messages to a consumer: those of one subject one after the other, others beside them. A message that fails is held
 * here, unacknowledged, until its next try, so that none of its subject overtakes it; a retry queue would let it be overtaken.
 */
export class KeyedWork {
  readonly #consumer: BrokerConsumer;
  readonly #retry: RetryPolicy;
  readonly #logger: Logger;
  readonly #tails = new Map<string, Promise<void>>();
  readonly #stopping = Promise.withResolvers<void>();
  #stopped = false;

  constructor(consumer: BrokerConsumer, retry: RetryPolicy, logger: Logger) {
    this.#consumer = consumer;
    this.#retry = retry;
    this.#logger = logger.child({ module: "broker" });
  }

  /** Takes a message; resolves true when it is handled or put aside, false when it was given back. Never rejects. */
  take(delivery: Delivery): Promise<boolean> {
    const event = readEnvelope(delivery.body);
    const key = event === undefined ? uuid() : keyOf(event);
    const settled = (this.#tails.get(key) ?? Promise.resolve()).then(() => this.#settle(delivery, event));
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

  async #settle(delivery: Delivery, event: Envelope | undefined): Promise<boolean> {
    try {
      const outcome = await this.#handled(delivery, event);
      if (outcome === "handled") await delivery.done();
      else if (outcome === "released") await delivery.release();
      else if (!(await this.#putAside(delivery, outcome))) await delivery.release();
      else return true;
      return outcome === "handled";
    } catch (error) {
      // The broker did not hear of it and will hand the message over again.
      this.#logger.warn({ err: error, consumer: this.#consumer.name }, "a message could not be settled");
      return false;
    }
  }

  async #handled(delivery: Delivery, event: Envelope | undefined): Promise<"handled" | "released" | DeadLetter> {
    const letter = (attempts: number, error: unknown): DeadLetter => ({
      id: event?.id ?? uuid(),
      topic: delivery.topic,
      body: delivery.body,
      attempts,
      failure: maskText(error instanceof Error ? error.message : String(error)),
      failedAt: new Date().toISOString(),
    });
    if (event === undefined) return letter(0, "the message is no CloudEvent 1.0 in JSON");
    if (delivery.returned >= returnedMax) return letter(delivery.returned, "it was handed over again and again and never settled");
    for (let attempts = 0, pauses = 0; ; pauses += 1) {
      if (this.#stopped) return "released";
      try {
        await this.#consumer.handle({ event, topic: delivery.topic, attempt: attempts + 1 });
        return "handled";
      } catch (error) {
        if (!isUnavailable(error)) attempts += 1;
        this.#logger.warn(
          { err: error, consumer: this.#consumer.name, eventId: event.id, attempt: attempts },
          "a message could not be handled",
        );
        if (error instanceof Poison || attempts >= this.#retry.attemptsMax) return letter(attempts, error);
      }
      await this.#pause(pauses);
    }
  }

  async #putAside(delivery: Delivery, letter: DeadLetter): Promise<boolean> {
    for (let pauses = 0; ; pauses += 1) {
      try {
        await delivery.putAside(letter);
        this.#logger.error(
          { consumer: this.#consumer.name, eventId: letter.id, failure: letter.failure },
          "a message was put aside as a dead letter",
        );
        return true;
      } catch (error) {
        this.#logger.warn({ err: error, consumer: this.#consumer.name }, "a message could not be put aside");
      }
      if (this.#stopped) return false;
      await this.#pause(pauses);
    }
  }

  async #pause(before: number): Promise<void> {
    const ms = Math.min(this.#retry.firstPauseMs * 2 ** Math.min(before, 20), this.#retry.pauseMsMax);
    await pauseUntil(ms, this.#stopping.promise);
  }
}
