import type { TailCursor } from "./tail-cursor.ts";

/**
 * A position in the log, in commit order: the id of the transaction that wrote the event, then its number in the log.
 * Every transaction below the horizon has ended, so no event can still appear before a position that a reader has passed.
 */
export interface Position {
  /** Transaction id (xid8) in decimal. */
  readonly transaction: string;
  /** Sequence number in decimal. */
  readonly sequence: string;
}

export const beginning: Position = { transaction: "0", sequence: "0" };

/**
 * The id of a write's transaction, returned to its caller. A reader whose horizon is above it has seen the write.
 * Text, because callers only pass it back.
 */
export type Revision = string;

/** True when a reader at `horizon` (every transaction below it has ended) has seen `revision`. */
export const covers = (horizon: string, revision: Revision): boolean => BigInt(horizon) > BigInt(revision);

/** An event emitted by a command, to be appended in its transaction. */
export interface NewEvent {
  readonly id: string;
  /** With its version: `membership.removed.v1`. */
  readonly type: string;
  /** The aggregate, as `organization/0198…`: events of one subject are relayed in order. */
  readonly subject: string;
  readonly organizationId: string | null;
  readonly data: Record<string, unknown>;
}

export interface LoggedEvent extends NewEvent {
  readonly position: Position;
  readonly occurredAt: Date;
  readonly traceparent: string | null;
  /** The principal that acted for the caller of the command, as `user:<id>`; null where the caller acted for themselves. */
  readonly actor: string | null;
}

/** A revoking event as processes send it to each other outside the database, with only the data that invalidation needs. */
export interface InvalidationMessage extends NewEvent {
  readonly transaction: string;
  /** ISO 8601. */
  readonly occurredAt: string;
}

/** The horizon and the events since an earlier one. */
export interface Tail {
  readonly horizon: string;
  readonly events: readonly LoggedEvent[];
  /** False if events may be missing because their retention time had passed (retention.ts). */
  readonly isComplete: boolean;
  /** Where the next read continues. */
  readonly cursor: TailCursor;
}
