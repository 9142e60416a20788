import { revocationBoundMs } from "#platform/log/follower.ts";
import type { Platform } from "#platform/platform.ts";
import { Unavailable } from "#platform/unavailable.ts";
import type { PolicySource } from "../policy-source.ts";
import { type CachedDifferences, compareCached } from "./compare-cached.ts";
import { type CachedEntry, EntryMap, type LoadedEntry } from "./entry-map.ts";
import { Pending } from "./pending.ts";

/**
 * How long a check waits for the projector to write a changed entry, before it computes the entry from the tables itself. Longer than a
 * projection takes, and a quarter of the revocation bound, so that checks succeed while the projector handles a bulk change.
 */
const projectorHasMs = revocationBoundMs / 4;

/** The in-process cache of projection entries. No entry is older than the events observed for it. One instance per process. */
export class EntryCache {
  readonly #platform: Platform;
  readonly #entries: EntryMap;
  readonly #pending = new Pending();
  readonly #source: PolicySource;

  constructor(platform: Platform, source: PolicySource) {
    this.#platform = platform;
    this.#source = source;
    this.#entries = new EntryMap((keys) => this.#fetch(keys), platform.settings.cacheBytes / 2);
  }

  /** Counts entries that became stale. While it is unchanged, an entry that was current is still current. */
  get staled(): number {
    return this.#entries.staled;
  }

  /** The number of events that the projector has not handled yet. */
  get behind(): number {
    return this.#pending.size;
  }

  /** The age of the oldest of them. */
  get behindMs(): number {
    return this.#pending.oldestMs;
  }

  /** Whether the projector has handled the event. */
  isProjected(eventId: string): boolean {
    return !this.#pending.awaits(eventId);
  }

  /** Invalidates the entries of `keys`, which an event has changed. */
  changed(eventId: string, keys: readonly string[]): void {
    this.#pending.add(eventId, keys);
    for (const key of keys) this.#entries.invalidate(key);
  }

  /** Invalidates the entries of `keys`, which the projector has written; they contain the changes of the events `handled`. */
  announced(handled: readonly string[], keys: readonly string[]): void {
    for (const key of keys) this.#entries.invalidate(key);
    this.#pending.handled(handled);
  }

  invalidate(keys: readonly string[]): void {
    for (const key of keys) this.#entries.invalidate(key);
  }

  /** Drops all entries and pending events. */
  clear(): void {
    this.#entries.clear();
    this.#pending.clear();
  }

  /** Compares cached entries with the table and invalidates those that differ. Entries with a pending event are not compared. */
  compare(catchUp: () => Promise<void>): Promise<CachedDifferences> {
    const read = async (keys: readonly string[]): Promise<readonly (LoadedEntry | null)[]> => {
      const found = await this.#source.entries(keys, { bypassSnapshot: true });
      return keys.map(
        (key, index) => (this.#pending.behind([key]) ? (this.#entries.peek(key) as LoadedEntry | undefined) : found[index]) ?? null,
      );
    };
    return compareCached(this.#entries, read, catchUp);
  }

  /** Reads an entry from the table. */
  async inTable(key: string): Promise<LoadedEntry | null> {
    return (await this.#source.entries([key], { bypassSnapshot: true }))[0] ?? null;
  }

  /** Reads an entry from the source, bypassing this cache. */
  async stored(key: string): Promise<LoadedEntry | null> {
    return (await this.#source.entries([key]))[0] ?? null;
  }

  /** The entries of `keys` in their order. Throws {@link Unavailable} if they are not known by `deadline` (performance.now). */
  async load<Value>(keys: readonly string[], deadline: number): Promise<readonly CachedEntry<Value>[]> {
    if (keys.length === 0) return [];
    // A cached entry was read after every event that changed it.
    const missing = this.#entries.missing(keys);
    if (missing.length > 0) await this.#projected(missing, deadline);
    const { projectionLookups } = this.#platform.metrics;
    if (missing.length < keys.length) projectionLookups.inc({ found: "memory" }, keys.length - missing.length);
    return (await this.#entries.load(keys)) as readonly CachedEntry<Value>[];
  }

  /** Waits for the projector to write changed entries. Does not wait long for entries that the source can compute. */
  async #projected(keys: readonly string[], deadline: number): Promise<void> {
    const { lagging } = this.#source;
    const projectedBy = lagging === undefined ? deadline : Math.min(deadline, performance.now() + projectorHasMs);
    if (await this.#pending.settled(keys, projectedBy)) return;
    const others = lagging === undefined ? keys : keys.filter((key) => !lagging.covers(key));
    if (!(await this.#pending.settled(others, deadline))) throw new Unavailable("authorization projection", undefined);
  }

  /** Reads entries from the source. Computes those that the projector has not written yet from the tables (decision 0031). */
  async #fetch(keys: readonly string[]): Promise<readonly (LoadedEntry | null)[]> {
    const { lagging } = this.#source;
    const behind = keys.filter((key) => lagging?.covers(key) === true && this.#pending.behind([key]));
    if (lagging === undefined || behind.length === 0) return this.#source.entries(keys);
    const computed = await lagging.compute(behind);
    const found = new Map<string, LoadedEntry | null>(behind.map((key, index) => [key, computed[index] ?? null]));
    const others = keys.filter((key) => !found.has(key));
    const stored = others.length > 0 ? await this.#source.entries(others) : [];
    for (const [index, key] of others.entries()) found.set(key, stored[index] ?? null);
    return keys.map((key) => found.get(key) ?? null);
  }
}
