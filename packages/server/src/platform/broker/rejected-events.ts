import type { Logger } from "pino";
import { type Database, everyTenant } from "../database/database.ts";
import type { DeadLetters } from "../dead-letters.ts";
import { deadLetterRecords, recordDeadLetters, redrivenRecords, resolveRecords } from "../dead-letters.ts";
import type { LoggedEvent } from "../log/event.ts";
import { readEvent } from "../log/log.ts";
import { MessageRejected } from "./message-rejected.ts";

/** The consumer under whose name events that the broker rejected are dead letters. */
export const relayConsumer = "relay";

/** Events that are published again per run; the next run takes the rest. */
const redrivenMax = 20;

/** The body of a rejected event's dead letter. The event's data stays in the log, because it is large and may be personal. */
const summaryOf = ({ id, type, subject, organizationId, occurredAt }: LoggedEvent): string =>
  JSON.stringify({ id, type, subject, organizationId, occurredAt });

/** The relay's dead letters: events that the broker rejects permanently. Later events are published meanwhile. */
export class RejectedEvents {
  readonly #database: Database;
  readonly #logger: Logger;

  constructor(database: Database, logger: Logger) {
    this.#database = database;
    this.#logger = logger;
  }

  /**
   * Publishes events in order. If the broker rejects one of them, halves the list until that one is alone, and dead-letters it:
   * the broker does not report which one it was, and closing the connection loses the rest. Rejects when the broker is unavailable.
   */
  async publish(events: readonly LoggedEvent[], send: (events: readonly LoggedEvent[]) => Promise<void>): Promise<void> {
    const [first] = events;
    if (first === undefined) return;
    try {
      await send(events);
    } catch (error) {
      if (!(error instanceof MessageRejected)) throw error;
      if (events.length === 1) return this.#deadLetter(first, error);
      const middle = Math.ceil(events.length / 2);
      await this.publish(events.slice(0, middle), send);
      await this.publish(events.slice(middle), send);
    }
  }

  /** Publishes events that an operator has redriven. An event that is no longer in the log is dropped, and its id is logged. */
  async redrive(send: (events: readonly LoggedEvent[]) => Promise<void>): Promise<void> {
    const ids = await this.#database.transact(everyTenant, (tx) => redrivenRecords(tx, relayConsumer, redrivenMax));
    for (const id of ids) {
      const event = await this.#database.read(everyTenant, (db) => readEvent(db, id));
      if (event === undefined) this.#logger.error({ event: id }, "a redriven event is no longer in the log");
      try {
        if (event !== undefined) await send([event]);
      } catch (error) {
        if (!(error instanceof MessageRejected) || event === undefined) throw error;
        await this.#deadLetter(event, error);
        continue;
      }
      await this.#database.transact(everyTenant, (tx) => resolveRecords(tx, relayConsumer, [id]));
    }
  }

  async #deadLetter(event: LoggedEvent, error: MessageRejected): Promise<void> {
    this.#logger.error({ event: event.id, type: event.type, err: error }, "the broker rejects an event; it is a dead letter now");
    const letter = { id: event.id, topic: event.type, body: summaryOf(event), error };
    await this.#database.transact(everyTenant, (tx) => deadLetterRecords(tx, relayConsumer, [letter]));
  }
}

/** Events that the broker rejected. */
export const rejectedEvents = (database: Database): DeadLetters => recordDeadLetters(database, relayConsumer);
