import type { WriteHandle } from "../../database/database.ts";
import type { LoggedEvent } from "../event.ts";

/** A reader of the log inside the product. Its effects and its position are committed together. */
export interface Consumer {
  /** `module.purpose`; the key of its position. */
  readonly name: string;
  readonly types: readonly string[];
  /** The maximum number of events per batch; a batch shares a transaction. */
  readonly batch?: number;
  /**
   * Also receives events beyond the log's horizon, out of order and possibly repeated. Only for a handler that derives state
   * from tables instead of the event, and whose delay matters.
   */
  readonly eager?: boolean;
  /** Must be idempotent. A rejection is retried; after the last attempt the event becomes a dead letter. */
  handle(events: readonly LoggedEvent[], tx: WriteHandle): Promise<void>;
  /** Called after the commit of `handle`. */
  committed?(events: readonly LoggedEvent[]): Promise<void>;
}

export interface Subscription {
  /** Resolves when everything that was in the log at the call has been handled. */
  idle(): Promise<void>;
  close(): Promise<void>;
}
