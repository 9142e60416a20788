/**
 * What a reader of the log's tail has been shown, as the database's snapshot of its last look. The next look then asks for what
 * committed since, and not for all that lies beyond the horizon: one transaction that stays open would otherwise make every look
 * read everything again that was written beside it.
 */
export interface TailCursor {
  /** Every transaction below it had ended. */
  readonly horizon: string;
  /** The first transaction that had not been assigned or had not ended: nothing from here on was shown. */
  readonly from: string;
  /** Transactions below `from` that were in progress: the only ones below it that can still show something. */
  readonly pending: readonly string[];
  /** Which server took the snapshot; undefined where the cursor is of no look. It says nothing of what another server has committed. */
  readonly server: string | undefined;
}

/** A snapshot as the database writes it, and what it does not say of itself. */
export interface Snapshot {
  /** `xmin:xmax:xip,…` (pg_current_snapshot). */
  readonly text: string;
  /** The reader's own transaction where it has an id: no snapshot counts it as in progress, and it may still write. */
  readonly own: string | null;
  /** Whether a standby answered, such as a primary that was demoted. Its snapshots do not say what is in progress. */
  readonly standby: boolean;
  readonly server: string;
}

/** For a reader that has been shown everything below `horizon` and nothing else. */
export const cursorAt = (horizon: string): TailCursor => ({ horizon, from: horizon, pending: [], server: undefined });

/** True when everything that `transaction` wrote has been shown, or there was nothing. */
export const isShown = ({ from, pending }: TailCursor, transaction: string): boolean =>
  BigInt(transaction) < BigInt(from) && !pending.includes(transaction);

/** The cursor after a look that was taken in `snapshot`. */
export function cursorAfter({ text, own, standby, server }: Snapshot): TailCursor {
  const [xmin = "0", xmax = "0", inProgress = ""] = text.split(":");
  if (standby) return { ...cursorAt(xmin), server };
  const pending = inProgress === "" ? [] : inProgress.split(",");
  if (own !== null && BigInt(own) < BigInt(xmax)) pending.push(own);
  return { horizon: xmin, from: xmax, pending, server };
}
