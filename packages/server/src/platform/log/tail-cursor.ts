/**
 * What a reader of the log's tail has been shown, as the database's snapshot of its last look. The next look then asks for what
 * committed since, and not for all that lies beyond the horizon: one transaction that stays open would otherwise make every look
 * read everything again that was written beside it.
 */
export interface TailCursor {
  /** Every transaction below it had ended. */
  readonly horizon: string;
  /** The first transaction that had not been assigned or had not ended: nothing from here on was shown, except `shown`. */
  readonly from: string;
  /** Transactions below `from` that were in progress: the only ones below it that can still show something. */
  readonly pending: readonly string[];
  /** Transactions from `from` on that were shown. Used with a standby, whose snapshots do not say what is in progress. */
  readonly shown: readonly string[];
  /** Which server took the snapshot; undefined where the cursor is of no look. It says nothing of what another server has committed. */
  readonly server: string | undefined;
}

/** A snapshot as the database writes it, and what it does not say of itself. */
export interface Snapshot {
  /** `xmin:xmax:xip,…` (pg_current_snapshot). */
  readonly text: string;
  /** The reader's own transaction where it has an id: no snapshot counts it as in progress, and it may still write. */
  readonly own: string | null;
  /** Whether a standby answered. */
  readonly standby: boolean;
  readonly server: string;
}

/**
 * Transactions that are remembered one by one beside a standby; the ones beyond are read again. A look passes them all to the
 * database: 20,000 ids are some 200 KB, and a hundred commits a second for three minutes.
 */
const shownMax = 20_000;

/** For a reader that has been shown everything below `horizon` and nothing else. */
export const cursorAt = (horizon: string): TailCursor => ({ horizon, from: horizon, pending: [], shown: [], server: undefined });

/** True when everything that `transaction` wrote has been shown, or there was nothing. */
export const isShown = ({ from, pending, shown }: TailCursor, transaction: string): boolean =>
  BigInt(transaction) < BigInt(from) ? !pending.includes(transaction) : shown.includes(transaction);

/** The cursor after a look from `before` that read events of `transactions`. */
export function cursorAfter(before: TailCursor, snapshot: Snapshot, transactions: readonly string[]): TailCursor {
  const { server } = snapshot;
  const [xmin = "0", xmax = "0", inProgress = ""] = snapshot.text.split(":");
  if (snapshot.standby) {
    const shown = [...new Set([...before.shown, ...transactions])].filter((transaction) => BigInt(transaction) >= BigInt(xmin));
    return { horizon: xmin, from: xmin, pending: [], shown: shown.slice(-shownMax), server };
  }
  const pending = inProgress === "" ? [] : inProgress.split(",");
  if (snapshot.own !== null && BigInt(snapshot.own) < BigInt(xmax)) pending.push(snapshot.own);
  return { horizon: xmin, from: xmax, pending, shown: [], server };
}
