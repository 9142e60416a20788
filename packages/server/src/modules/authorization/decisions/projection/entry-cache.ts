import { revocationBoundMs } from "#platform/log/follower.ts";
import type { Platform } from "#platform/platform.ts";
import { Unavailable } from "#platform/unavailable.ts";
import type { PolicySource } from "../policy-source.ts";
import { type CachedDifferences, compareCached } from "./compare-cached.ts";
import { type CachedEntry, EntryMap, type LoadedEntry } from "./entry-map.ts";
import { Pending } from "./pending.ts";

/**
 * How long a check leaves an entry that an event has changed to the projector, before it computes it from the tables itself: longer than
 * a projection takes, and a quarter of the bound, so that a projector with a bulk change before it makes no check fail.
 */
const projectorHasMs = revocationBoundMs / 4;

/** The projection entries of this process: in memory, each no older than the events that it knows to have changed it. One a process. */
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

  /** How many entries have become stale so far: while it stays the same, what was current is current. */
  get staled(): number {
    return this.#entries.staled;
  }

  /** Events that the projector has still to handle. */
  get behind(): number {
    return this.#pending.size;
  }

  /** How long the projector has not handled the oldest of them. */
  get behindMs(): number {
    return this.#pending.oldestMs;
  }

  /** Whether the projector has handled the event. */
  isProjected(eventId: string): boolean {
    return !this.#pending.awaits(eventId);
  }

  /** An event has changed the entries under `keys`. */
  changed(eventId: string, keys: readonly string[]): void {
    this.#pending.add(eventId, keys);
    for (const key of keys) this.#entries.invalidate(key);
  }

  /** The projector has written the entries under `keys`, and with them what the events `handled` have changed. */
  announced(handled: readonly string[], keys: readonly string[]): void {
    for (const key of keys) this.#entries.invalidate(key);
    this.#pending.handled(handled);
  }

  invalidate(keys: readonly string[]): void {
    for (const key of keys) this.#entries.invalidate(key);
  }

  /** Forgets what was read and what is behind. */
  clear(): void {
    this.#entries.clear();
    this.#pending.clear();
  }

  /** Compares what is cached with the table; what differs is forgotten. What the table does not contain yet is not compared. */
  compare(catchUp: () => Promise<void>): Promise<CachedDifferences> {
    const read = async (keys: readonly string[]): Promise<readonly (LoadedEntry | null)[]> => {
      const found = await this.#source.entries(keys, { bypassSnapshot: true });
      return keys.map(
        (key, index) => (this.#pending.behind([key]) ? (this.#entries.peek(key) as LoadedEntry | undefined) : found[index]) ?? null,
      );
    };
    return compareCached(this.#entries, read, catchUp);
  }

  /** An entry as the table has it. */
  async inTable(key: string): Promise<LoadedEntry | null> {
    return (await this.#source.entries([key], { bypassSnapshot: true }))[0] ?? null;
  }

  /** An entry as it is kept, past memory. */
  async stored(key: string): Promise<LoadedEntry | null> {
    return (await this.#source.entries([key]))[0] ?? null;
  }

  /** The entries under `keys` in their order. Throws {@link Unavailable} where they are not known by `deadline` (performance.now). */
  async load<Value>(keys: readonly string[], deadline: number): Promise<readonly CachedEntry<Value>[]> {
    if (keys.length === 0) return [];
    // What is in memory was read after every event that has changed it.
    const missing = this.#entries.missing(keys);
    if (missing.length > 0) await this.#projected(missing, deadline);
    const { projectionLookups } = this.#platform.metrics;
    if (missing.length < keys.length) projectionLookups.inc({ found: "memory" }, keys.length - missing.length);
    return (await this.#entries.load(keys)) as readonly CachedEntry<Value>[];
  }

  /** Waits until the projector has written what events have changed, as far as the source cannot compute it itself. */
  async #projected(keys: readonly string[], deadline: number): Promise<void> {
    const { lagging } = this.#source;
    const projectedBy = lagging === undefined ? deadline : Math.min(deadline, performance.now() + projectorHasMs);
    if (await this.#pending.settled(keys, projectedBy)) return;
    const others = lagging === undefined ? keys : keys.filter((key) => !lagging.covers(key));
    if (!(await this.#pending.settled(others, deadline))) throw new Unavailable("authorization projection", undefined);
  }

  /** Reads entries of the source. One that the projector has not written yet is computed from the tables (decision 0031). */
  async #fetch(keys: readonly string[]): Promise<readonly (LoadedEntry | null)[]> {
    const { lagging } = this.#source;
    const behind = keys.filter((key) => lagging?.covers(key) === true && this.#pending.behind([key]));
    if (lagging === undefined || behind.length === 0) return this.#source.entries(keys);
    const computed = await lagging.compute(behind);
    const found = new Map<string, LoadedEntry | null>(behind.map((key, index) => [key, computed[index] ?? null]));
    const others = keys.filter((key) => !found.has(key));
    const kept = others.length > 0 ? await this.#source.entries(others) : [];
    for (const [index, key] of others.entries()) found.set(key, kept[index] ?? null);
    return keys.map((key) => found.get(key) ?? null);
  }
}
