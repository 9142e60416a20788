/**
 * The cache port: a copy of text values that one writer keeps and everybody reads (decision 0022).
 *
 * The writer numbers its writes; the copy holds the number of the last one (the mark), under a generation. A generation is one
 * unbroken run of writes: where one is missing, or the copy is older or newer than the writer left it, the next write begins another
 * generation, and every value of the generation before is dead. A reader trusts values where the mark's number is not behind the
 * newest that it has heard of by another way.
 *
 * Every call ends within its time limit and rejects with Unavailable where the cache does not answer.
 */
export interface Cache {
  /** As `/health` shows it. */
  readonly kind: string;
  /** Whether other processes read and write it too. */
  readonly shared: boolean;
  /** The values of `keys` in their order with the mark, all of one moment. Without a mark there are no values. */
  read(keys: readonly string[]): Promise<Reading>;
  /**
   * The writer's own: stores `entries` and moves the mark from `after` to `to`. Where another mark, or none, is found, a new
   * generation begins with `entries` alone. Answers whether the mark was `after`.
   */
  write(entries: readonly Entry[], step: { readonly after: number; readonly to: number }): Promise<boolean>;
  /**
   * A reader's gift: stores what it has read elsewhere, only while the mark is still `seen`, which it saw before it read. Never puts
   * a lower version over a higher one. Answers whether the mark still was.
   */
  fill(entries: readonly Entry[], seen: Mark): Promise<boolean>;
  /** Begins a generation without values at `number`, only while the mark is still `seen`. Answers whether it was. */
  begin(number: number, seen: Mark | null): Promise<boolean>;
  /** Asks the cache itself, whatever was found before. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** Which write the copy has come to. */
export interface Mark {
  readonly generation: string;
  readonly number: number;
}

export interface Cached {
  readonly value: string;
  readonly version: bigint;
}

export interface Reading {
  readonly mark: Mark | null;
  readonly entries: readonly (Cached | null)[];
  /** Keys under which a value is that no process of this installation has written; there are none where it is absent. */
  readonly distrusted?: readonly string[];
}

export interface Entry extends Cached {
  readonly key: string;
  /** A second line behind the mark; at least 1. */
  readonly ttlSeconds: number;
}

export const sameMark = (one: Mark | null, other: Mark | null): boolean =>
  one?.generation === other?.generation && one?.number === other?.number;
