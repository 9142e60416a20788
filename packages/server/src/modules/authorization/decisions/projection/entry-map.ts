import { LRUCache } from "lru-cache";
import { sizeOf } from "#platform/cache/size-of.ts";

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

/** Enough for the users that are active at a time; what falls out is read again from the next layer. */
const partsMax = 400_000;

/** An entry beside its value, and its place in the cache. */
const partBytes = 250;

type Fetch = (keys: readonly string[]) => Promise<readonly (LoadedEntry | null)[]>;

/** The first layer: entries in this process, forgotten by key. Concurrent loads of one key are one load. */
export class EntryMap {
  readonly #fetch: Fetch;
  // An entry that falls out may still be in a view; nobody could tell it of a change any more, so it becomes stale.
  readonly #entries: LRUCache<string, CachedEntry>;
  readonly #loading = new Map<string, { readonly entry: Promise<CachedEntry>; doomed: boolean }>();
  #staled = 0;

  /** Holds no more than `bytesMax`: one tenant's large values push out others, and do not fill the process. */
  constructor(fetch: Fetch, bytesMax: number) {
    this.#fetch = fetch;
    this.#entries = new LRUCache({
      max: partsMax,
      maxSize: bytesMax,
      sizeCalculation: ({ bytes }) => bytes,
      dispose: (entry) => {
        entry.stale = true;
        this.#staled += 1;
      },
    });
  }

  /** How many entries have become stale so far: while it stays the same, what was current is current. */
  get staled(): number {
    return this.#staled;
  }

  forget(key: string): void {
    this.#entries.delete(key);
    // What is on its way may have been read before the change.
    const loading = this.#loading.get(key);
    if (loading) loading.doomed = true;
  }

  forgetAll(): void {
    for (const key of [...this.#entries.keys(), ...this.#loading.keys()]) this.forget(key);
  }

  /** The keys of what is in memory. */
  keys(): readonly string[] {
    return [...this.#entries.keys()];
  }

  /** The entry, where it is in memory. */
  peek<Value>(key: string): CachedEntry<Value> | undefined {
    return this.#entries.get(key) as CachedEntry<Value> | undefined;
  }

  /** Those of `keys` that are not in memory. */
  missing(keys: readonly string[]): readonly string[] {
    return keys.filter((key) => !this.#entries.has(key));
  }

  /** The entries of `keys` in their order. One that was changed while it was read comes back stale. */
  load(keys: readonly string[]): Promise<readonly CachedEntry[]> {
    const missing = keys.filter((key) => !this.#entries.has(key) && !this.#usableLoad(key));
    if (missing.length > 0) {
      const values = this.#fetch(missing);
      missing.forEach(
        (key, index) =>
          void this.#begin(
            key,
            values.then((all) => all[index] ?? null),
          ),
      );
    }
    return Promise.all(keys.map((key) => this.#entries.get(key) ?? (this.#loading.get(key) as { entry: Promise<CachedEntry> }).entry));
  }

  #usableLoad(key: string): boolean {
    return this.#loading.get(key)?.doomed === false;
  }

  #begin(key: string, value: Promise<LoadedEntry | null>): void {
    const load = {
      doomed: false,
      entry: value.then(
        (loaded): CachedEntry => {
          const { value = null, version = null, unavailable = false } = loaded ?? {};
          const bytes = partBytes + sizeOf(key) + sizeOf(value);
          const entry = { key, value, version, unavailable, bytes, stale: load.doomed };
          if (!load.doomed) {
            this.#entries.set(key, entry);
            // One that is larger than all that may be held is used once, and nobody could tell it of a change.
            if (!this.#entries.has(key)) entry.stale = true;
          }
          if (this.#loading.get(key) === load) this.#loading.delete(key);
          return entry;
        },
        (error) => {
          if (this.#loading.get(key) === load) this.#loading.delete(key);
          throw error;
        },
      ),
    };
    load.entry.catch(() => {});
    this.#loading.set(key, load);
  }
}
