import { Unavailable } from "../unavailable.ts";
import type { LoggedEvent } from "./event.ts";
import { type LogFollower, revocationBoundMs } from "./follower.ts";
import { LoadingCache, type LoadingCacheOptions } from "./loading-cache.ts";

/** What an event invalidates. */
export interface Invalidation {
  /** Fields of the event's data that `tags` reads. Processes send each other only these of a revoking event. */
  readonly fields: readonly string[];
  /** The tags of the values that are no longer current. */
  readonly tags: (event: Pick<LoggedEvent, "data" | "organizationId">) => readonly string[];
}

/** Uses the value of one field of the event's data as the tag. */
export const byField = (field: string): Invalidation => ({ fields: [field], tags: ({ data }) => [data[field] as string] });

export interface LeasedCacheOptions<Key extends string, Value extends object>
  extends Pick<LoadingCacheOptions<Key, Value>, "entriesMax" | "bytes" | "tagsOf"> {
  /** Names the cache in errors. */
  readonly name: string;
  /** Reads the value of a key; null if there is none, which is not cached. */
  readonly load: (key: Key) => Promise<Value | null>;
  /** Whether a cached value is still usable, if it can expire by time alone. One that is not is loaded again. */
  readonly isUsable?: (value: Value) => boolean;
  /** By type: events that revoke a right. Processes send them to each other even while the database is away. */
  readonly revokedBy?: Readonly<Record<string, Invalidation>>;
  /** By type: events that change a value without revoking a right. */
  readonly changedBy?: Readonly<Record<string, Invalidation>>;
}

/** The part of {@link LogFollower} that the cache depends on. */
export type Lease = Pick<LogFollower, "fresh" | "observed" | "whileObserved" | "onEvent" | "onRestart">;

/**
 * An in-process cache that is invalidated by events of the log, and trusted on a lease (docs/decisions/0048). Create one per process and kind
 * of value, before the follower starts.
 *
 * Guarantees:
 * - A hit is returned synchronously. {@link find} returns a promise only if it must load or wait.
 * - No cached value is returned without the lease. {@link find} waits for it, and throws {@link Unavailable} if it does not come.
 * - A value that was read before an invalidation of its key or tags is neither cached nor returned after it: it is loaded again, for at most
 *   {@link revocationBoundMs}.
 * - Concurrent calls for a key share one load. A call never joins a load that began before an invalidation observed before the call.
 * - When the database may have lost transactions, everything is removed, and loads in flight are repeated.
 * - Absence is not cached: a key that appears needs no event. To cache absence, represent it by a value.
 * - A failed load is not cached.
 * - Size is bounded by entries, and optionally by bytes; the least recently used entry is evicted.
 * - Values are shared objects, not copies.
 *
 * `Key` is everything that the value depends on: include the organization in it where two organizations could share the rest.
 */
export class LeasedCache<Key extends string, Value extends object> {
  readonly #name: string;
  readonly #log: Lease;
  readonly #values: LoadingCache<Key, Value>;
  readonly #isUsable: (value: Value) => boolean;
  readonly #invalidatedBy: ReadonlyMap<string, Invalidation>;

  constructor(log: Lease, { name, load, isUsable, revokedBy = {}, changedBy = {}, ...bounds }: LeasedCacheOptions<Key, Value>) {
    this.#name = name;
    this.#log = log;
    this.#isUsable = isUsable ?? (() => true);
    this.#values = new LoadingCache<Key, Value>({
      ...bounds,
      // One key at a time: `find` asks for one.
      load: (keys) => Promise.all(keys.map((key) => log.whileObserved(() => load(key)))),
    });
    this.#invalidatedBy = new Map(Object.entries({ ...changedBy, ...revokedBy }));
    log.onEvent((event) => this.#observe(event), fieldsOf(revokedBy));
    log.onRestart(() => this.clear());
  }

  get size(): number {
    return this.#values.size;
  }

  /** The value of `key`; null if there is none. Throws {@link Unavailable} if that cannot be known now, and what `load` throws. */
  find(key: Key): Value | null | Promise<Value | null> {
    return (this.#log.fresh ? this.#cached(key) : undefined) ?? this.#load(key);
  }

  /** Removes every value that has `tag` as a tag or key; loads of such a value that are in flight are repeated. */
  invalidate(tag: string): void {
    this.#values.invalidate(tag);
  }

  /** Removes everything; loads in flight are repeated. */
  clear(): void {
    this.#values.clear();
  }

  #cached(key: Key): Value | undefined {
    const value = this.#values.get(key);
    return value !== undefined && this.#isUsable(value) ? value : undefined;
  }

  async #load(key: Key): Promise<Value | null> {
    const deadline = performance.now() + revocationBoundMs;
    do {
      if (!(await this.#log.observed())) throw new Unavailable("event log", undefined);
      // After the wait for the lease, the cached value is usable, or another call has loaded it.
      const cached = this.#cached(key);
      if (cached !== undefined) return cached;
      this.#values.evict(key);
      const { value, raced } = await this.#values.load(key);
      if (!raced) return value;
    } while (performance.now() < deadline);
    throw new Unavailable(this.#name, undefined);
  }

  #observe(event: LoggedEvent): void {
    const tags = this.#invalidatedBy.get(event.type)?.tags(event);
    if (tags === undefined) return;
    // An event of another release may lack a field: everything is loaded again, so that no right outlives its revocation.
    if (tags.some((tag) => typeof tag !== "string")) this.clear();
    else for (const tag of tags) this.invalidate(tag);
  }
}

const fieldsOf = (invalidations: Readonly<Record<string, Invalidation>>): Record<string, readonly string[]> =>
  Object.fromEntries(Object.entries(invalidations).map(([type, { fields }]) => [type, fields]));
