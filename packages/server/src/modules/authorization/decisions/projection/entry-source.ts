import { sql } from "kysely";
import { LRUCache } from "lru-cache";
import { everyTenant } from "#platform/database/database.ts";
import type { Platform } from "#platform/platform.ts";
import type { Reading } from "#platform/snapshot-cache/snapshot-cache.ts";
import { Unavailable } from "#platform/unavailable.ts";
import type { LoadedEntry } from "./entry-map.ts";
import { entryOf } from "./snapshot.ts";
import { cacheSecondsMax, hasPresentForm, isUnavailable } from "./stored-entry.ts";

/** Keys whose last version is remembered: some megabytes. More changes than this within an entry's time, and the oldest are not checked. */
const writtenMax = 50_000;

interface Row {
  readonly key: string;
  readonly value: unknown;
  readonly version: string;
  /** Of the last write of the projection. */
  readonly number: string;
}
interface Rows {
  readonly number: number;
  readonly rows: readonly Row[];
}

/**
 * Where entries come from that are not in memory: the Redis snapshot, as far as it can be trusted, then the projection's table. What the
 * table has is given to the copy. One a process.
 */
export class EntrySource {
  readonly #platform: Platform;
  /** The newest write of the projection that this process knows of; a copy that has not come to it is not believed. */
  #observed = 0;
  /** The version that each key was last written under, as far as this process has observed it. An entry lives no longer than this is known. */
  readonly #written = new LRUCache<string, bigint>({ max: writtenMax, ttl: 2 * cacheSecondsMax * 1_000, ttlAutopurge: false });

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  /** Finds out how far the projection has come before this process began to listen. */
  async start(): Promise<void> {
    await this.#queryRows([]);
  }

  /** An event has told of the write `number`. */
  observe(number: number): void {
    if (number > this.#observed) this.#observed = number;
  }

  /** A transaction has written these keys. */
  observeWritten(keys: readonly string[], version: bigint): void {
    for (const key of keys) if ((this.#written.get(key) ?? 0n) < version) this.#written.set(key, version);
  }

  /** Forgets the observed versions: the database may have lost the transactions that they are of. */
  clearWritten(): void {
    this.#written.clear();
  }

  async fetch(keys: readonly string[]): Promise<readonly (LoadedEntry | null)[]> {
    const { projectionLookups } = this.#platform.metrics;
    const copy = await this.#readCopy(keys);
    const found = new Map<string, LoadedEntry>();
    keys.forEach((key, index) => {
      const hit = copy.entries[index];
      if (!hit || !this.#isOfHere(hit.version) || this.#isReplayed(key, hit.version)) return;
      const loaded = loadedOf(key, JSON.parse(hit.value), String(hit.version));
      if (loaded) found.set(key, loaded);
    });
    projectionLookups.inc({ found: "cache" }, found.size);
    const missing = keys.filter((key) => !found.has(key));
    if (missing.length > 0) {
      const table = await this.#platform.log.whileObserved(() => this.#queryRows(missing));
      const { rows } = table;
      projectionLookups.inc({ found: "database" }, rows.length);
      projectionLookups.inc({ found: "missing" }, missing.length - rows.length);
      for (const { key, value, version } of rows) {
        const loaded = loadedOf(key, value, version);
        if (loaded) found.set(key, loaded);
      }
      this.#give(table, copy);
    }
    return keys.map((key) => found.get(key) ?? null);
  }

  /** What the table has under `keys`, whatever the Redis snapshot has. */
  async fromTable(keys: readonly string[]): Promise<readonly (LoadedEntry | null)[]> {
    const { rows } = await this.#queryRows(keys);
    const found = new Map(rows.map(({ key, value, version }) => [key, loadedOf(key, value, version)]));
    return keys.map((key) => found.get(key) ?? null);
  }

  /** A copy that is away, or not at the newest number, has nothing. */
  async #readCopy(keys: readonly string[]): Promise<Reading> {
    try {
      const reading = await this.#platform.snapshotCache.read(keys);
      if (reading.watermark !== null && reading.watermark.number >= this.#observed) return reading;
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
    }
    return { watermark: null, entries: [] };
  }

  /** True for a version that the log has told of: after a restore of the database, a copy may still hold what is to be no more. */
  #isOfHere(version: bigint): boolean {
    return this.#platform.log.hasSeen(String(version));
  }

  /** True for a value that was genuine once and has been written anew since: somebody has put it back. */
  #isReplayed(key: string, version: bigint): boolean {
    const isOlder = version < (this.#written.get(key) ?? 0n);
    if (isOlder) this.#platform.metrics.distrusted.inc({ channel: "redis", kind: "entry", reason: "replayed" });
    return isOlder;
  }

  /** The rows of `keys` and the number of the last write, of one moment. */
  async #queryRows(keys: readonly string[]): Promise<Rows> {
    const { rows } = await this.#platform.database.read(everyTenant, (db) =>
      sql<Row>`select m.number::text, r.key, r.value, r.version::text
        from projection_watermarks m left join projection_entries r on r.key = any(${keys}::text[])`.execute(db as never),
    );
    const number = Number(rows[0]?.number ?? 0);
    this.observe(number);
    return { number, rows: rows.filter(({ key }) => key !== null) };
  }

  /** Not waited for. Rows of a replica may be older than the watermark; those are not given. */
  #give({ number, rows }: Rows, { watermark }: Reading): void {
    if (watermark === null || number < watermark.number || rows.length === 0) return;
    const entries = rows.map(({ key, value, version }) => entryOf(key, JSON.stringify(value), BigInt(version)));
    this.#platform.snapshotCache.fill(entries, watermark).catch((error) => {
      if (!(error instanceof Unavailable)) this.#platform.logger.error({ err: error }, "the Redis snapshot could not be filled");
    });
  }
}

function loadedOf(key: string, value: unknown, version: string): LoadedEntry | undefined {
  if (isUnavailable(value)) return { value: null, version, unavailable: true };
  return hasPresentForm(key, value) ? { value, version } : undefined;
}
