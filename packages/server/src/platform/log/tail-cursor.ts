/**
 * What a reader of the log's tail has read, as the database's snapshot of its last read. The next read then returns only what
 * was committed since, and not everything beyond the horizon. Otherwise, while one transaction stays open, every read would
 * repeat everything that was written concurrently.
 */
export interface TailCursor {
  /** Every transaction below it had ended. */
  readonly horizon: string;
  /** The first transaction that had not been assigned or had not ended: nothing from it on was read. */
  readonly from: string;
  /** Transactions below `from` that were in progress: the only ones below it that can still add events. */
  readonly pending: readonly string[];
  /** The server that took the snapshot; undefined if the cursor is of no read. Another server may have committed other transactions. */
  readonly server: string | undefined;
}

/** A snapshot in the database's notation, and further facts that it does not contain. */
export interface Snapshot {
  /** `xmin:xmax:xip,…` (pg_current_snapshot). */
  readonly text: string;
  /** The reader's own transaction if it has an id: no snapshot counts it as in progress, and it may still write. */
  readonly own: string | null;
  /** Whether a standby answered, such as a demoted primary. Its snapshots do not list transactions in progress. */
  readonly standby: boolean;
  readonly server: string;
}

/** For a reader that has read everything below `horizon` and nothing else. */
export const cursorAt = (horizon: string): TailCursor => ({ horizon, from: horizon, pending: [], server: undefined });

/** True when all events of `transaction` have been read, if there were any. */
export const isRead = ({ from, pending }: TailCursor, transaction: string): boolean =>
  BigInt(transaction) < BigInt(from) && !pending.includes(transaction);

/** The cursor after a read in `snapshot`. */
export function cursorAfter({ text, own, standby, server }: Snapshot): TailCursor {
  const [xmin = "0", xmax = "0", inProgress = ""] = text.split(":");
  if (standby) return { ...cursorAt(xmin), server };
  const pending = inProgress === "" ? [] : inProgress.split(",");
  if (own !== null && BigInt(own) < BigInt(xmax)) pending.push(own);
  return { horizon: xmin, from: xmax, pending, server };
}
