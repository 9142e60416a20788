/**
 * How a call to a dependency is held in bounds. For a new one: its row here, with its numbers and their reason, and each call wrapped
 * in `resilience.guard("the.name")`, or, where a client has bounds of its own, given these and counted by `countedCalls`. What is not
 * bounded in one of the ways says why. `policies.test.ts` finds a dependency that has no row.
 */
export interface PolicyRow {
  /** What it guards, and why its numbers are these. */
  readonly why: string;
  /** The call is given up after this, and counts as failed. What it has begun may still take effect. */
  readonly timeLimitMs: number;
  /** Only for what may be done twice. The pause before each retry is chosen by chance, below a bound that doubles. */
  readonly retries: Retries | None;
  /** After so many failures one after the other nothing is asked for `openMs`; then one call at a time tries. */
  readonly breaker: Breaker | None;
  /** So many at once; `waiting` more wait for a place, and whoever comes then is refused at once. */
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

/** Left out on purpose. */
export interface None {
  readonly none: string;
}

export const none = (because: string): None => ({ none: because });

/** What a guard is made of. */
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

/** A table of rows that keeps the type of each. */
export const policy = <const Rows extends Readonly<Record<string, PolicyRow>>>(rows: Rows) => rows;
