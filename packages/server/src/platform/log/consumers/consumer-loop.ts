import { sql } from "kysely";
import type { Logger } from "pino";
import { type Database, everyTenant } from "../../database/database.ts";
import { isTransient, isUnavailable } from "../../database/driver-errors.ts";
import { failureText } from "../../failure-text.ts";
import { Loop, type RetrySchedule } from "../../loop.ts";
import type { LoggedEvent, Position } from "../event.ts";
import type { Consumer } from "./consumer.ts";
import { createPosition, isAfter, lockPosition, newestOf, positionOf, savePosition } from "./consumer-position.ts";
import { failRedriven, takeRedriven } from "./event-dead-letters.ts";
import { type NextEvents, NextEventsReader, noEvents } from "./next-events.ts";

/** How often a consumer polls the log for events of other processes. */
const lookEveryMs = 500;
/** Attempts at one event before it becomes a dead letter. */
const attemptsMax = 6;
/** How often `idle` checks again while an open transaction or another process delays it. */
const idleLookMs = 25;

/** Runs one consumer. Its position is a row that is locked while a batch is handled, so one process works at a time. */
export class ConsumerLoop {
  readonly #database: Database;
  readonly #logger: Logger;
  readonly #consumer: Consumer;
  readonly #next: NextEventsReader;
  readonly #loop: Loop;
  /** Consecutive failures of the next event. */
  #failures = 0;
  /** True while another process has locked this consumer's position. */
  #isLockedElsewhere = false;
  #hasRedriven = false;

  constructor(database: Database, logger: Logger, consumer: Consumer, retry: RetrySchedule) {
    this.#database = database;
    this.#logger = logger;
    this.#consumer = consumer;
    this.#next = new NextEventsReader(consumer);
    this.#loop = new Loop({
      run: async () => (await this.#handleNext()) || (await this.#handleRedriven()),
      everyMs: lookEveryMs,
      retry,
      onFailure: (error) =>
        this.#logger.warn({ err: error, consumer: consumer.name, attempt: this.#failures }, "an event could not be handled"),
    });
  }

  async start(): Promise<void> {
    const { name } = this.#consumer;
    const removed = await createPosition(this.#database, name);
    if (removed > 0) this.#logger.info({ consumer: name, removed }, "a new consumer begins at the oldest event that the log still has");
    this.#loop.start();
  }

  takesAnyOf(types: readonly string[]): boolean {
    return types.some((type) => this.#consumer.types.includes(type));
  }

  wake(): void {
    this.#loop.wake();
  }

  restart(): void {
    this.#next.restart();
  }

  async idle(): Promise<void> {
    const newest = await this.#database.read(everyTenant, (db) => newestOf(db, this.#consumer.types));
    for (;;) {
      await this.#loop.drained();
      if (this.#loop.isStopped || (await this.#hasHandled(newest))) return;
      await this.#loop.pause(idleLookMs);
    }
  }

  close(): Promise<void> {
    return this.#loop.stop();
  }

  /** Handles one batch. True when there may be more. */
  async #handleNext(): Promise<boolean> {
    let handled: NextEvents;
    try {
      handled = await this.#database.transact(everyTenant, async (tx) => {
        const position = await lockPosition(tx, this.#consumer.name);
        this.#isLockedElsewhere = position === undefined;
        this.#hasRedriven = position?.hasRedriven ?? false;
        if (position === undefined) return noEvents;
        const next = await this.#next.read(tx, position, this.#failures > 0);
        if (next.events.length > 0) await this.#consumer.handle(next.events, tx);
        if (next.progress) await savePosition(tx, this.#consumer.name, next.progress);
        return next;
      });
    } catch (error) {
      // An unavailable dependency or a conflict says nothing about the event: it does not count as an attempt.
      if (!isUnavailable(error) && !isTransient(error)) this.#failures += 1;
      if (this.#failures < attemptsMax || !(await this.#deadLetter(error))) throw error;
      return true;
    }
    this.#failures = 0;
    this.#next.passed(handled);
    await this.#afterCommit(handled.events);
    return handled.more;
  }

  /** Handles one dead letter that an operator redrives. True when there may be another. */
  async #handleRedriven(): Promise<boolean> {
    if (!this.#hasRedriven) return false;
    const { name } = this.#consumer;
    let event: LoggedEvent | undefined;
    try {
      event = await this.#database.transact(everyTenant, async (tx) => {
        if ((await lockPosition(tx, name)) === undefined) return undefined;
        const taken = await takeRedriven(tx, name);
        if (taken) await this.#consumer.handle([taken], tx);
        return taken;
      });
    } catch (error) {
      this.#logger.warn({ err: error, consumer: name }, "a dead letter could not be handled");
      if (isUnavailable(error) || isTransient(error)) return false;
      const failure = failureText(error);
      await this.#database.transact(everyTenant, (tx) => failRedriven(tx, name, failure));
      return true;
    }
    if (event) await this.#afterCommit([event]);
    return event !== undefined;
  }

  async #afterCommit(handled: readonly LoggedEvent[]): Promise<void> {
    if (handled.length === 0) return;
    try {
      await this.#consumer.committed?.(handled);
    } catch (error) {
      // The events are handled and committed, so a retry has no effect.
      this.#logger.error({ err: error, consumer: this.#consumer.name }, "a consumer failed after its commit");
    }
  }

  /** Records the next event as a dead letter and moves past it. False when the database does not allow it. */
  async #deadLetter(error: unknown): Promise<boolean> {
    const { name } = this.#consumer;
    try {
      const failed = await this.#database.transact(everyTenant, async (tx) => {
        const position = await lockPosition(tx, name);
        if (position === undefined) return noEvents;
        const next = await this.#next.read(tx, position, true);
        const event = next.events[0];
        if (event)
          await sql`insert into dead_letters (consumer, event_id, attempts, failure, failed_at)
            values (${name}, ${event.id}, ${attemptsMax}, ${failureText(error)}, now()) on conflict do nothing`.execute(tx);
        if (next.progress) await savePosition(tx, name, next.progress);
        return next;
      });
      this.#next.passed(failed);
      for (const event of failed.events)
        this.#logger.error({ err: error, consumer: name, eventId: event.id }, "an event could not be handled and is a dead letter");
      this.#failures = 0;
      return true;
    } catch (failure) {
      this.#logger.warn({ err: failure, consumer: name }, "an event could not be dead-lettered");
      return false;
    }
  }

  async #hasHandled(newest: Position): Promise<boolean> {
    // An eager consumer has handled everything that it can see, unless another process is doing so.
    if (this.#consumer.eager) return !this.#isLockedElsewhere;
    const position = await this.#database.read(everyTenant, (db) => positionOf(db, this.#consumer.name));
    return position !== undefined && !isAfter(newest, position);
  }
}
