/**
 * The snapshot cache port: text values of one projection that one writer publishes and every process reads (decision 0022). It is no cache
 * for everything: what a process keeps for itself is a leased cache (platform/log/leased-cache.ts).
 *
 * The writer numbers its writes. The snapshot has the number of the last one, its watermark, under a generation. A generation is an
 * unbroken run of writes: where one is missing, or the snapshot is older or newer than the writer left it, the next write begins another
 * generation, and no value of the generation before is returned any more. A reader trusts values where the watermark is not behind the
 * newest write that the reader has observed in the log.
 *
 * Every call ends within its time limit and rejects with Unavailable where the cache does not answer.
 */
export interface SnapshotCache {
  /** As `/health` shows it. */
  readonly kind: string;
  /** Whether other processes read and write it too. */
  readonly shared: boolean;
  /** The values of `keys` in their order with the watermark, all of one moment. Without a watermark there are no values. */
  read(keys: readonly string[]): Promise<Reading>;
  /**
   * For the writer: stores `entries` and moves the watermark from `after` to `to`. Where another watermark, or none, is found, a new
   * generation begins with `entries` alone. Answers whether the watermark was `after`.
   */
  write(entries: readonly Entry[], step: { readonly after: number; readonly to: number }): Promise<boolean>;
  /**
   * For readers: stores what they have read from the table, only while the watermark is still `seen`, which they read before the table. Never
   * replaces a higher version by a lower one. Answers whether the watermark still was `seen`.
   */
  fill(entries: readonly Entry[], seen: Watermark): Promise<boolean>;
  /** Begins a generation without values at `number`, only while the watermark is still `seen`. Answers whether it was. */
  begin(number: number, seen: Watermark | null): Promise<boolean>;
  /** Asks the cache itself, whatever was found before. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** Up to which write the snapshot is complete. */
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
  /** Keys under which a value is that no process of this installation has written; there are none where it is absent. */
  readonly distrusted?: readonly string[];
}

export interface Entry extends Cached {
  readonly key: string;
  /** A second line behind the watermark; at least 1. */
  readonly ttlSeconds: number;
}

export const sameWatermark = (one: Watermark | null, other: Watermark | null): boolean =>
  one?.generation === other?.generation && one?.number === other?.number;
