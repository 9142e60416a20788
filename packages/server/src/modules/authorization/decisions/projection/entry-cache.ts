import { computeEntries, isOfOwnTables, type UserFactsById } from "#modules/authorization/access/index.ts";
import { everyTenant } from "#platform/database/database.ts";
import { revocationBoundMs } from "#platform/log/follower.ts";
import type { Platform } from "#platform/platform.ts";
import { Unavailable } from "#platform/unavailable.ts";
import { type CachedDifferences, compareCached } from "./compare-cached.ts";
import { type CachedEntry, EntryMap, type LoadedEntry } from "./entry-map.ts";
import { EntrySource } from "./entry-source.ts";
import { Pending } from "./pending.ts";

/**
 * How long a check leaves an entry that an event has changed to the projector, before it computes it from the tables itself: longer than
 * a projection takes, and a quarter of the bound, so that a projector with a bulk change before it makes no check fail.
 */
const projectorHasMs = revocationBoundMs / 4;
/** People belong to another module's tables; no entry about one is computed here. */
const noUsers: UserFactsById = async () => new Map();

/** The projection entries of this process: in memory, each no older than the events that it knows to have changed it. One a process. */
export class EntryCache {
  readonly #platform: Platform;
  readonly #entries: EntryMap;
  readonly #pending = new Pending();
  readonly #source: EntrySource;

  constructor(platform: Platform) {
    this.#platform = platform;
    this.#source = new EntrySource(platform);
    this.#entries = new EntryMap((keys) => this.#fetch(keys), platform.settings.cacheBytes / 2);
  }

  start(): Promise<void> {
    return this.#source.start();
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
    for (const key of keys) this.#entries.forget(key);
  }

  /** The projector has written the entries under `keys`, and with them what the events `handled` have changed. */
  announced(handled: readonly string[], keys: readonly string[], number: number | undefined, version: bigint): void {
    if (number !== undefined) this.#source.observe(number);
    this.#source.observeWritten(keys, version);
    for (const key of keys) this.#entries.forget(key);
    this.#pending.handled(handled);
  }

  forget(keys: readonly string[]): void {
    for (const key of keys) this.#entries.forget(key);
  }

  /** Forgets what was read and what is behind. */
  forgetAll(): void {
    this.#entries.forgetAll();
    this.#pending.clear();
    this.#source.forgetWritten();
  }

  /** Compares what is cached with the table; what differs is forgotten. What the table does not contain yet is not compared. */
  compare(catchUp: () => Promise<void>): Promise<CachedDifferences> {
    const read = async (keys: readonly string[]): Promise<readonly (LoadedEntry | null)[]> => {
      const found = await this.#source.fromTable(keys);
      return keys.map(
        (key, index) => (this.#pending.behind([key]) ? (this.#entries.peek(key) as LoadedEntry | undefined) : found[index]) ?? null,
      );
    };
    return compareCached(this.#entries, read, catchUp);
  }

  /** An entry as the table has it. */
  async inTable(key: string): Promise<LoadedEntry | null> {
    return (await this.#source.fromTable([key]))[0] ?? null;
  }

  /** An entry as it is kept, past memory. */
  async kept(key: string): Promise<LoadedEntry | null> {
    return (await this.#source.fetch([key]))[0] ?? null;
  }

  /** The entries under `keys` in their order. Throws {@link Unavailable} where they are not known by `deadline` (performance.now). */
  async load<Value>(keys: readonly string[], deadline: number): Promise<readonly CachedEntry<Value>[]> {
    if (keys.length === 0) return [];
    // What is in memory was read after every event that has changed it.
    const missing = this.#entries.missing(keys);
    if (missing.length > 0) await this.#projected(missing, deadline);
    const { readModelLookups } = this.#platform.metrics;
    if (missing.length < keys.length) readModelLookups.inc({ found: "memory" }, keys.length - missing.length);
    return (await this.#entries.load(keys)) as readonly CachedEntry<Value>[];
  }

  /** Waits until the projector has written what events have changed, as far as this process cannot compute it itself. */
  async #projected(keys: readonly string[], deadline: number): Promise<void> {
    // A replica may lack the change that an event of this process has told of, so there only the projector's word counts.
    const computes = this.#platform.database.replica === undefined;
    if (await this.#pending.settled(keys, computes ? Math.min(deadline, performance.now() + projectorHasMs) : deadline)) return;
    const others = computes ? keys.filter((key) => !isOfOwnTables(key)) : keys;
    if (!(await this.#pending.settled(others, deadline))) throw new Unavailable("access read model", undefined);
  }

  /** Reads entries as they are kept. One that the projector has not come to yet is computed from the tables (decision 0031). */
  async #fetch(keys: readonly string[]): Promise<readonly (LoadedEntry | null)[]> {
    const { database, log, metrics } = this.#platform;
    const behind = keys.filter((key) => isOfOwnTables(key) && this.#pending.behind([key]));
    if (behind.length === 0 || database.replica !== undefined) return this.#source.fetch(keys);
    const version = log.revision;
    const computed = await log.whileHeard(() => database.read(everyTenant, (db) => computeEntries(db, behind, noUsers)));
    metrics.readModelLookups.inc({ found: "computed" }, behind.length);
    const found = new Map<string, LoadedEntry | null>(computed.map(({ key, json }) => [key, { value: JSON.parse(json), version }]));
    const others = keys.filter((key) => !found.has(key));
    const kept = others.length > 0 ? await this.#source.fetch(others) : [];
    for (const [index, key] of others.entries()) found.set(key, kept[index] ?? null);
    return keys.map((key) => found.get(key) ?? null);
  }
}
