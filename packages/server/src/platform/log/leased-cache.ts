import { Unavailable } from "../unavailable.ts";
import type { LoggedEvent } from "./event.ts";
import { type LogFollower, revocationBoundMs } from "./follower.ts";
import { LoadingCache, type LoadingCacheOptions } from "./loading-cache.ts";

/** What an event invalidates. */
export interface Invalidation {
  /** Fields of the event's data that `tags` reads: of a revoking event, processes tell each other these and no more. */
  readonly fields: readonly string[];
  /** The tags of the values that are no longer current. */
  readonly tags: (event: Pick<LoggedEvent, "data" | "organizationId">) => readonly string[];
}

/** The value of one field of the event's data is the tag. */
export const byField = (field: string): Invalidation => ({ fields: [field], tags: ({ data }) => [data[field] as string] });

export interface LeasedCacheOptions<Key extends string, Value extends object>
  extends Pick<LoadingCacheOptions<Key, Value>, "entriesMax" | "bytes" | "tagsOf"> {
  /** Names the cache in errors. */
  readonly name: string;
  /** Reads the value of a key; null where there is none, which is not kept. */
  readonly load: (key: Key) => Promise<Value | null>;
  /** Whether a kept value may still be answered, where time alone ends it. One that may not is loaded again. */
  readonly isUsable?: (value: Value) => boolean;
  /** By type: events that take a right away. Processes tell each other of them also while the database is away. */
  readonly revokedBy?: Readonly<Record<string, Invalidation>>;
  /** By type: events after which a value is only another one. */
  readonly changedBy?: Readonly<Record<string, Invalidation>>;
}

/** What the cache needs of {@link LogFollower}. */
export type Lease = Pick<LogFollower, "fresh" | "heard" | "whileHeard" | "onEvent" | "onRestart">;

/**
 * An in-process cache that is invalidated by events of the log, and trusted on a lease (docs/decisions/0048). Make one a process and kind
 * of value, before the follower starts.
 *
 * Guarantees:
 * - A hit is answered synchronously. {@link find} returns a promise only where something has to be loaded or waited for.
 * - No kept value is answered without the lease. {@link find} waits for it, and throws {@link Unavailable} when it does not come.
 * - A value that was read before an invalidation of its key or tags is neither kept nor answered after it: it is loaded again, for at most
 *   {@link revocationBoundMs}.
 * - Concurrent calls for a key share one load. A call never joins a load that began before an invalidation which was observed before the call.
 * - Everything is removed when the database may have lost transactions, and loads under way are repeated.
 * - What the source does not have is not kept: a key that appears needs no event. Where absence is to be kept, let a value say so.
 * - A failed load is not kept.
 * - Size is bounded by entries, and by bytes where given; the least recently used entry is evicted.
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
      load: (keys) => Promise.all(keys.map((key) => log.whileHeard(() => load(key)))),
    });
    this.#invalidatedBy = new Map(Object.entries({ ...changedBy, ...revokedBy }));
    log.onEvent((event) => this.#observe(event), fieldsOf(revokedBy));
    log.onRestart(() => this.clear());
  }

  get size(): number {
    return this.#values.size;
  }

  /** The value of `key`; null where there is none. Throws {@link Unavailable} where that cannot be known now, and what `load` throws. */
  find(key: Key): Value | null | Promise<Value | null> {
    return (this.#log.fresh ? this.#kept(key) : undefined) ?? this.#load(key);
  }

  /** Removes every value that has `tag`, or that is kept under it as its key; loads of such a value that are under way are repeated. */
  invalidate(tag: string): void {
    this.#values.invalidate(tag);
  }

  /** Removes everything; loads under way are repeated. */
  clear(): void {
    this.#values.clear();
  }

  #kept(key: Key): Value | undefined {
    const value = this.#values.get(key);
    return value !== undefined && this.#isUsable(value) ? value : undefined;
  }

  async #load(key: Key): Promise<Value | null> {
    const deadline = performance.now() + revocationBoundMs;
    do {
      if (!(await this.#log.heard())) throw new Unavailable("event log", undefined);
      // The lease was waited for, or another call has loaded it meanwhile.
      const kept = this.#kept(key);
      if (kept !== undefined) return kept;
      this.#values.evict(key);
      const { value, raced } = await this.#values.load(key);
      if (!raced) return value;
    } while (performance.now() < deadline);
    throw new Unavailable(this.#name, undefined);
  }

  #observe(event: LoggedEvent): void {
    const tags = this.#invalidatedBy.get(event.type)?.tags(event);
    if (tags === undefined) return;
    // An event of another release may lack a field: rather everything is loaded again than one right outlives its end.
    if (tags.some((tag) => typeof tag !== "string")) this.clear();
    else for (const tag of tags) this.invalidate(tag);
  }
}

const fieldsOf = (invalidations: Readonly<Record<string, Invalidation>>): Record<string, readonly string[]> =>
  Object.fromEntries(Object.entries(invalidations).map(([type, { fields }]) => [type, fields]));
