/**
 * The snapshot cache port: text values of one projection that one writer publishes and every process reads (decision 0022). It is not a
 * general cache: for values of a single process use a leased cache (platform/log/leased-cache.ts).
 *
 * The writer numbers its writes. The snapshot has a watermark: the number of the last write, and a generation. A generation is an
 * unbroken sequence of writes. If a write is missing, or the snapshot is older or newer than the writer left it, the next write begins another
 * generation, and no value of the previous generation is returned any more. A reader trusts values if the watermark is not behind the
 * newest write that the reader has observed in the log.
 *
 * Every call ends within its time limit, and rejects with Unavailable if the cache does not answer.
 */
export interface SnapshotCache {
  /** The name in `/health`. */
  readonly kind: string;
  /** Whether other processes also read and write it. */
  readonly shared: boolean;
  /** The values of `keys` in their order with the watermark, all of one moment. Without a watermark there are no values. */
  read(keys: readonly string[]): Promise<Reading>;
  /**
   * For the writer: stores `entries` and moves the watermark from `after` to `to`. If there is another watermark, or none, a new
   * generation begins with `entries` alone. Returns whether the watermark was `after`.
   */
  write(entries: readonly Entry[], step: { readonly after: number; readonly to: number }): Promise<boolean>;
  /**
   * For readers: stores values read from the table, only while the watermark is still `seen`, which was read before the table. Never
   * replaces a higher version by a lower one. Returns whether the watermark still was `seen`.
   */
  fill(entries: readonly Entry[], seen: Watermark): Promise<boolean>;
  /** Begins a generation without values at `number`, only while the watermark is still `seen`. Returns whether it was. */
  begin(number: number, seen: Watermark | null): Promise<boolean>;
  /** Checks the cache itself, regardless of an open circuit. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** The write up to which the snapshot is complete. */
export interface Watermark {
  readonly generation: string;
  readonly number: number;
}

export interface Cached {
  readonly value: string;
  readonly version: bigint;
}

export interface Reading {
  readonly watermark: Watermark | null;
  readonly entries: readonly (Cached | null)[];
  /** Keys of values that no process of this installation has written; none by default. */
  readonly distrusted?: readonly string[];
}

export interface Entry extends Cached {
  readonly key: string;
  /** A fallback in addition to the watermark; at least 1. */
  readonly ttlSeconds: number;
}

export const sameWatermark = (one: Watermark | null, other: Watermark | null): boolean =>
  one?.generation === other?.generation && one?.number === other?.number;
