import { LoadingCache } from "#platform/log/loading-cache.ts";
import { sizeOf } from "#platform/snapshot-cache/size-of.ts";

/** An entry that was read from the projection's table or snapshot. `version` is the revision of the value. */
export interface LoadedEntry {
  readonly value: unknown;
  readonly version: string;
  /** The value could not be computed, and is null. */
  readonly unavailable?: boolean;
}

/** A cached entry of the projection. Views reference entries; no decision uses a stale one. */
export interface CachedEntry<Value = unknown> {
  readonly key: string;
  /** Null if the projection has no entry for the key. */
  readonly value: Value | null;
  /** The revision of the value; null if there is no entry. */
  readonly version: string | null;
  /** The value could not be computed: no decision uses it. */
  readonly unavailable: boolean;
  /** Its approximate size in memory. */
  readonly bytes: number;
  stale: boolean;
}

/** Enough for concurrently active users; an evicted entry is read again from the next layer. */
const entriesMax = 400_000;

/** The overhead of an entry in addition to its value. */
const entryBytes = 250;

type Fetch = (keys: readonly string[]) => Promise<readonly (LoadedEntry | null)[]>;

/**
 * The first cache layer: entries in this process, invalidated by key. {@link LoadingCache} documents single flight and races with an
 * invalidation. The reader checks the lease, once for all entries of a decision.
 */
export class EntryMap {
  readonly #entries: LoadingCache<string, CachedEntry>;

  /** Limited to `bytesMax`: large values of one tenant evict others, but cannot exhaust the process's memory. */
  constructor(load: Fetch, bytesMax: number) {
    this.#entries = new LoadingCache({
      entriesMax,
      bytes: { max: bytesMax, of: ({ bytes }) => bytes },
      load: async (keys) => {
        const loaded = await load(keys);
        return keys.map((key, index) => cachedEntry(key, loaded[index] ?? null));
      },
      // Views may reference entries that are no longer cached here.
      onStale: (entry) => {
        entry.stale = true;
      },
    });
  }

  /** Counts entries that became stale. While it is unchanged, an entry that was current is still current. */
  get staled(): number {
    return this.#entries.staled;
  }

  invalidate(key: string): void {
    this.#entries.invalidate(key);
  }

  clear(): void {
    this.#entries.clear();
  }

  /** The keys of the cached entries. */
  keys(): readonly string[] {
    return this.#entries.keys();
  }

  /** The entry if it is cached. */
  peek<Value>(key: string): CachedEntry<Value> | undefined {
    return this.#entries.get(key) as CachedEntry<Value> | undefined;
  }

  /** Those of `keys` that are not cached. */
  missing(keys: readonly string[]): readonly string[] {
    return keys.filter((key) => !this.#entries.has(key));
  }

  /** The entries of `keys` in their order. An entry that was invalidated while it was read is stale. */
  load(keys: readonly string[]): Promise<readonly CachedEntry[]> {
    // Absence is cached as an entry, so there is one for each key.
    return this.#entries.loadAll(keys) as Promise<readonly CachedEntry[]>;
  }
}

function cachedEntry(key: string, loaded: LoadedEntry | null): CachedEntry {
  const { value = null, version = null, unavailable = false } = loaded ?? {};
  return { key, value, version, unavailable, bytes: entryBytes + sizeOf(key) + sizeOf(value), stale: false };
}
