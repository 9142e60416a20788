import type { Logger } from "pino";
import type { Database } from "../../database/database.ts";
import type { DeadLetters } from "../../dead-letters.ts";
import type { RetrySchedule } from "../../loop.ts";
import type { Consumer, Subscription } from "./consumer.ts";
import { ConsumerLoop } from "./consumer-loop.ts";
import { eventDeadLetters } from "./event-dead-letters.ts";

export interface ConsumersOptions {
  readonly retry?: RetrySchedule;
  /** Wraps each consumer, to measure it. */
  readonly instrument?: (consumer: Consumer) => Consumer;
}

/** Six attempts take 1.5 seconds: longer than a lock is held, shorter than a projection may lag. */
const retryDefault: RetrySchedule = { firstPauseMs: 50, longestPauseMs: 3_200 };

/**
 * Delivers every event of the log to every consumer, at least once, in order per subject. A consumer is a cursor over the log;
 * one process works on it at a time. Effects and position are committed together, so effects in the database occur once.
 */
export class Consumers {
  readonly #database: Database;
  readonly #logger: Logger;
  readonly #options: ConsumersOptions;
  readonly #running = new Set<ConsumerLoop>();

  constructor(database: Database, logger: Logger, options: ConsumersOptions = {}) {
    this.#database = database;
    this.#logger = logger;
    this.#options = options;
  }

  /** Delivers events to `consumer` from its last position; a new one begins with the oldest event that the log still has. */
  async consume(consumer: Consumer): Promise<Subscription> {
    const { retry = retryDefault, instrument } = this.#options;
    const loop = new ConsumerLoop(this.#database, this.#logger, instrument?.(consumer) ?? consumer, retry);
    this.#running.add(loop);
    await loop.start();
    return {
      idle: () => loop.idle(),
      close: async () => {
        this.#running.delete(loop);
        await loop.close();
      },
    };
  }

  /** Makes consumers read the log at once: all of them, or those of the appended types. */
  wake(types?: readonly string[]): void {
    for (const loop of this.#running) if (types === undefined || loop.takesAnyOf(types)) loop.wake();
  }

  /** Discards which events beyond their positions consumers of this process have handled: the database may have lost the effects. */
  restart(): void {
    for (const loop of this.#running) loop.restart();
  }

  /** The events that a consumer could not handle. */
  deadLetters(consumer: string): DeadLetters {
    return eventDeadLetters(this.#database, consumer, () => this.wake());
  }

  /** Rejects when the database does not answer. */
  ping(): Promise<void> {
    return this.#database.ping();
  }

  /** Stops after running handlers have finished. */
  async close(): Promise<void> {
    await Promise.all([...this.#running].map((loop) => loop.close()));
    this.#running.clear();
  }
}
