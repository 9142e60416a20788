/**
 * The limits of calls to a dependency. For a new dependency, add a row with its numbers and their reason, and wrap each call
 * in `resilience.guard("the.name")`. If a client has limits of its own, pass it these numbers and count it by `countedCalls`. A row
 * states a reason for each limit that it leaves out. `policies.test.ts` finds dependencies without a row.
 */
export interface PolicyRow {
  /** What it guards, and the reason for its numbers. */
  readonly why: string;
  /** The call is aborted after this, and counts as failed. It may still take effect. */
  readonly timeLimitMs: number;
  /** Only for idempotent calls. The pause before each retry is random, below a limit that doubles. */
  readonly retries: Retries | None;
  /** After this many consecutive failures no call is made for `openMs`; then one call at a time is tried. */
  readonly breaker: Breaker | None;
  /** The number of concurrent calls; `waiting` more wait for a permit, and further ones are rejected at once. */
  readonly bulkhead: Bulkhead | None;
}

export interface Retries {
  readonly times: number;
  readonly firstPauseMs: number;
  readonly longestPauseMs: number;
}

interface Breaker {
  readonly failures: number;
  readonly openMs: number;
}

interface Bulkhead {
  readonly atOnce: number;
  readonly waiting: number;
}

/** A limit that is left out on purpose, with the reason. */
export interface None {
  readonly none: string;
}

export const none = (because: string): None => ({ none: because });

/** The limits of a guard. */
export interface Bounds {
  readonly timeLimitMs: number;
  readonly retries?: Retries;
  readonly breaker?: Breaker;
  readonly bulkhead?: Bulkhead;
}

export function boundsOf({ timeLimitMs, retries, breaker, bulkhead }: PolicyRow): Bounds {
  return {
    timeLimitMs,
    ...("none" in retries ? {} : { retries }),
    ...("none" in breaker ? {} : { breaker }),
    ...("none" in bulkhead ? {} : { bulkhead }),
  };
}

/** Checks a table of rows, and preserves the type of each row. */
export const policy = <const Rows extends Readonly<Record<string, PolicyRow>>>(rows: Rows) => rows;
