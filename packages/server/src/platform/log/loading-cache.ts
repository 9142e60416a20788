import { LRUCache } from "lru-cache";
import { TagIndex } from "./tag-index.ts";

export interface LoadingCacheOptions<Key extends string, Value extends object> {
  /** Reads the values of `keys` from their source, in the order of the keys; null if the source has none, which is not cached. */
  readonly load: (keys: readonly Key[]) => Promise<readonly (Value | null)[]>;
  /** The least recently used entry is evicted beyond this. */
  readonly entriesMax: number;
  /** A limit on the sum of the sizes. A value that exceeds it alone is returned and not cached. */
  readonly bytes?: { readonly max: number; readonly of: (value: Value) => number };
  /**
   * What a value depends on, in addition to its key: an invalidation of any of these tags removes it. Must return the same tags for a value
   * as long as the value is cached.
   */
  readonly tagsOf?: (value: Value) => readonly string[];
  /** Called once for a value that is no longer known to be current: invalidated, replaced, evicted, or never cached. Must not throw. */
  readonly onStale?: (value: Value) => void;
}

export interface Loaded<Value> {
  readonly value: Value | null;
  /** The value may be older than an invalidation that was observed during the load. It was not cached. */
  readonly raced: boolean;
}

/** A load in flight, and what was invalidated since it began. */
interface Flight<Value> {
  readonly invalidated: Set<string>;
  isCleared: boolean;
  loaded: Promise<Loaded<Value>>;
}

/**
 * Caches values that were loaded from a source, until an invalidation or the size limit removes them.
 *
 * Guarantees:
 * - Single flight: concurrent loads of a key are one load, unless an invalidation has occurred since it began; then a later caller begins another.
 * - A value that was read before an invalidation of its key or tags is never cached after it. It is returned with `raced`.
 * - A failed load is not cached; the next call loads again.
 * - Values are shared objects, not copies: callers must not modify them.
 *
 * It has no lease: {@link LeasedCache} adds one. Use this class directly only if the caller checks the lease for many values at once.
 */
export class LoadingCache<Key extends string, Value extends object> {
  readonly #options: LoadingCacheOptions<Key, Value>;
  readonly #values: LRUCache<Key, Value>;
  readonly #index = new TagIndex<Key>();
  /** Every load that has not ended. */
  readonly #flights = new Set<Flight<Value>>();
  /** The pending load of each key that was not invalidated since the load began. */
  readonly #joinable = new Map<Key, Flight<Value>>();
  #staled = 0;

  constructor(options: LoadingCacheOptions<Key, Value>) {
    const { entriesMax, bytes } = options;
    this.#options = options;
    // Without `max`, for which lru-cache allocates at once: tens of megabytes for an empty cache.
    this.#values = new LRUCache<Key, Value>({
      maxSize: bytes?.max ?? entriesMax,
      sizeCalculation: bytes?.of ?? (() => 1),
      dispose: (value, key) => this.#drop(value, key),
    });
  }

  get size(): number {
    return this.#values.size;
  }

  /** How many cached values have become stale so far: while it does not change, no value has become stale. */
  get staled(): number {
    return this.#staled;
  }

  keys(): readonly Key[] {
    return [...this.#values.keys()];
  }

  has(key: Key): boolean {
    return this.#values.has(key);
  }

  /** The cached value. Costs one look-up: no promise, no allocation. */
  get(key: Key): Value | undefined {
    return this.#values.get(key);
  }

  /** The values of `keys` in their order, cached or loaded; missing ones are loaded together. A value that raced is reported as stale. */
  loadAll(keys: readonly Key[]): Promise<readonly (Value | null)[]> {
    this.#begin(keys);
    return Promise.all(keys.map((key) => this.#values.get(key) ?? this.#joined(key).then(({ value }) => value)));
  }

  /** The value of `key`, cached or loaded. */
  async load(key: Key): Promise<Loaded<Value>> {
    this.#begin([key]);
    const value = this.#values.get(key);
    return value === undefined ? this.#joined(key) : { value, raced: false };
  }

  /** Removes every value that has `tag` as a tag or key. A load that began before does not cache such a value either. */
  invalidate(tag: string): void {
    this.evict(tag as Key);
    if (this.#options.tagsOf === undefined) {
      this.#joinable.get(tag as Key)?.invalidated.add(tag);
      this.#joinable.delete(tag as Key);
      return;
    }
    for (const key of this.#index.keysOf(tag)) this.evict(key);
    // The tags of values in flight are not known yet.
    for (const flight of this.#flights) flight.invalidated.add(tag);
    this.#joinable.clear();
  }

  /** Removes the value under `key` although it is current: the next call loads it again. */
  evict(key: Key): void {
    this.#values.delete(key);
  }

  /** Removes everything; no load that began before caches its value. */
  clear(): void {
    this.#values.clear();
    for (const flight of this.#flights) flight.isCleared = true;
    this.#joinable.clear();
  }

  #begin(keys: readonly Key[]): void {
    const missing = [...new Set(keys.filter((key) => !this.#values.has(key) && !this.#joinable.has(key)))];
    if (missing.length === 0) return;
    const values = this.#options.load(missing);
    for (const [index, key] of missing.entries()) {
      this.#track(
        key,
        values.then((loaded) => loaded[index] ?? null),
      );
    }
  }

  #track(key: Key, value: Promise<Value | null>): void {
    const flight: Flight<Value> = {
      invalidated: new Set(),
      isCleared: false,
      loaded: value.then((loaded) => this.#land(key, loaded, flight)),
    };
    const end = (): void => {
      this.#flights.delete(flight);
      if (this.#joinable.get(key) === flight) this.#joinable.delete(key);
    };
    // A failure rejects the callers that wait for the load; without any, it is ignored.
    flight.loaded.then(end, end);
    this.#flights.add(flight);
    this.#joinable.set(key, flight);
  }

  #land(key: Key, value: Value | null, flight: Flight<Value>): Loaded<Value> {
    const { tagsOf, onStale } = this.#options;
    const tags = value === null ? [] : (tagsOf?.(value) ?? []);
    const raced = flight.isCleared || flight.invalidated.has(key) || tags.some((tag) => flight.invalidated.has(tag));
    if (value === null) return { value, raced };
    if (!raced) this.#keep(key, value);
    // A value that is not cached would miss later invalidations.
    if (raced || !this.#values.has(key)) onStale?.(value);
    else for (const tag of tags) this.#index.add(tag, key);
    return { value, raced };
  }

  #keep(key: Key, value: Value): void {
    this.#values.set(key, value);
    if (this.#values.size > this.#options.entriesMax) this.#values.pop();
  }

  #joined(key: Key): Promise<Loaded<Value>> {
    return (this.#joinable.get(key) as Flight<Value>).loaded;
  }

  #drop(value: Value, key: Key): void {
    const { tagsOf, onStale } = this.#options;
    for (const tag of tagsOf?.(value) ?? []) this.#index.delete(tag, key);
    this.#staled += 1;
    onStale?.(value);
  }
}
