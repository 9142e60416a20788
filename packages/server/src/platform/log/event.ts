import type { TailCursor } from "./tail-cursor.ts";

/**
 * A place in the log, in commit order: the id of the transaction that wrote the event, then its number in the log.
 * Every transaction below the horizon has ended, so nothing can still appear before a position that was passed.
 */
export interface Position {
  /** Transaction id (xid8) in decimal. */
  readonly transaction: string;
  /** Sequence number in decimal. */
  readonly sequence: string;
}

export const beginning: Position = { transaction: "0", sequence: "0" };

/**
 * What a write returns to its caller: the id of its transaction. A reader whose horizon lies above it has seen it.
 * Text, because callers pass it back and never compute with it.
 */
export type Revision = string;

/** True when a reader at `horizon` (every transaction below it has ended) has seen `revision`. */
export const covers = (horizon: string, revision: Revision): boolean => BigInt(horizon) > BigInt(revision);

/** An event that a command has emitted and that is to be appended in its transaction. */
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
}

/** A revoking event as processes send it to each other beside the database: with no more data than caches need to invalidate by. */
export interface InvalidationMessage extends NewEvent {
  readonly transaction: string;
  /** ISO 8601. */
  readonly occurredAt: string;
}

/** The horizon and what is new since another one. */
export interface Tail {
  readonly horizon: string;
  readonly events: readonly LoggedEvent[];
  /** False where events may be missing among these, because they were past their retention time (retention.ts). */
  readonly isWhole: boolean;
  /** Where the next look goes on. */
  readonly cursor: TailCursor;
}
