import type { DeadLetters } from "../broker/broker.ts";
import type { WriteHandle } from "../database/database.ts";
import type { LoggedEvent } from "../log/event.ts";

/**
 * The bus port: hands every event of the log to every consumer, at least once, in order per subject.
 * A consumer's effects and its progress are committed together, so on the database an event counts once.
 */
export interface Bus {
  /** Begins to hand events to `consumer`, from where it last stopped (a new one: with the oldest event that the log still has). */
  consume(consumer: Consumer): Promise<Subscription>;
  /** Tells the bus that something was appended, so that it need not wait for its next look. */
  wake(): void;
  /** Forgets what consumers of this process have handled: the database may have lost it, and then it is handled again. */
  restart(): void;
  /** The events that a consumer could not handle, to look at, hand over again or forget. */
  deadLetters(consumer: string): DeadLetters;
  /** Rejects when the bus cannot carry events. */
  ping(): Promise<void>;
  /** Lets handlers that run finish, then stops. */
  close(): Promise<void>;
}

export interface Consumer {
  /** `module.purpose`; its progress is kept under this name. */
  readonly name: string;
  readonly types: readonly string[];
  /** Most events that are handed over at once; they share a transaction. */
  readonly batch?: number;
  /**
   * Also hands over what lies beyond the log's horizon, out of order and perhaps again. Only for a handler that
   * derives state from tables and not from the event, and to whom the delay matters.
   */
  readonly eager?: boolean;
  /** Must be idempotent. A rejection is retried, then the event is put aside as a dead letter. */
  handle(events: readonly LoggedEvent[], tx: WriteHandle): Promise<void>;
  /** Called once what `handle` wrote is committed. */
  committed?(events: readonly LoggedEvent[]): Promise<void>;
}

export interface Subscription {
  /** Resolves when everything that was in the log at the call has been handled. */
  idle(): Promise<void>;
  close(): Promise<void>;
}
