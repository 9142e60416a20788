import { LoadingCache } from "#platform/log/loading-cache.ts";
import { sizeOf } from "#platform/snapshot-cache/size-of.ts";

/** What was read of the projection's table or cache. `version` is the revision that the value came with. */
export interface LoadedEntry {
  readonly value: unknown;
  readonly version: string;
  /** The value could not be computed, and is null. */
  readonly unavailable?: boolean;
}

/** One value of the projection in memory. Views hold entries; a stale one is never decided from. */
export interface CachedEntry<Value = unknown> {
  readonly key: string;
  /** Null where the projection has nothing under the key. */
  readonly value: Value | null;
  /** The revision that the value came with; null where nothing is under the key. */
  readonly version: string | null;
  /** There should be a value and it could not be computed: nothing is decided from it. */
  readonly unavailable: boolean;
  /** What it takes in memory, about. */
  readonly bytes: number;
  stale: boolean;
}

/** Enough for the users that are active at a time; what is evicted is read again from the next layer. */
const entriesMax = 400_000;

/** An entry beside its value, and its place in the cache. */
const entryBytes = 250;

type Fetch = (keys: readonly string[]) => Promise<readonly (LoadedEntry | null)[]>;

/**
 * The first layer: entries in this process, invalidated by key. What single flight and a race with an invalidation mean is said at
 * {@link LoadingCache}. The lease is the reader's: it checks it once for all entries of a decision.
 */
export class EntryMap {
  readonly #entries: LoadingCache<string, CachedEntry>;

  /** Holds no more than `bytesMax`: one tenant's large values evict others, and do not fill the process. */
  constructor(load: Fetch, bytesMax: number) {
    this.#entries = new LoadingCache({
      entriesMax,
      bytes: { max: bytesMax, of: ({ bytes }) => bytes },
      load: async (keys) => {
        const loaded = await load(keys);
        return keys.map((key, index) => cachedEntry(key, loaded[index] ?? null));
      },
      // Views hold entries, also such as are no longer kept here.
      onStale: (entry) => {
        entry.stale = true;
      },
    });
  }

  /** How many entries have become stale so far: while it stays the same, what was current is current. */
  get staled(): number {
    return this.#entries.staled;
  }

  invalidate(key: string): void {
    this.#entries.invalidate(key);
  }

  clear(): void {
    this.#entries.clear();
  }

  /** The keys of what is kept. */
  keys(): readonly string[] {
    return this.#entries.keys();
  }

  /** The entry, where it is kept. */
  peek<Value>(key: string): CachedEntry<Value> | undefined {
    return this.#entries.get(key) as CachedEntry<Value> | undefined;
  }

  /** Those of `keys` that are not kept. */
  missing(keys: readonly string[]): readonly string[] {
    return keys.filter((key) => !this.#entries.has(key));
  }

  /** The entries of `keys` in their order. One that was changed while it was read comes back stale. */
  load(keys: readonly string[]): Promise<readonly CachedEntry[]> {
    // Absence is an entry, too, so there is one for each key.
    return this.#entries.loadAll(keys) as Promise<readonly CachedEntry[]>;
  }
}

function cachedEntry(key: string, loaded: LoadedEntry | null): CachedEntry {
  const { value = null, version = null, unavailable = false } = loaded ?? {};
  return { key, value, version, unavailable, bytes: entryBytes + sizeOf(key) + sizeOf(value), stale: false };
}
