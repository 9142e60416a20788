import { sql } from "kysely";
import { LRUCache } from "lru-cache";
import { everyTenant } from "#platform/database/database.ts";
import { rowsOf } from "#platform/database/rows.ts";
import type { Platform } from "#platform/platform.ts";
import type { Reading } from "#platform/snapshot-cache/snapshot-cache.ts";
import { Unavailable } from "#platform/unavailable.ts";
import type { LoadedEntry } from "./entry-map.ts";
import { entryOf } from "./snapshot.ts";
import { cacheSecondsMax, hasPresentForm, isUnavailable } from "./stored-entry.ts";

/** Keys whose last written version is known, some megabytes. With more changes within an entry's TTL, the oldest are not checked. */
const writtenMax = 50_000;

interface Row {
  readonly key: string;
  readonly value: unknown;
  readonly version: string;
  /** The number of the projection's last write. */
  readonly number: string;
}
interface Rows {
  readonly number: number;
  readonly rows: readonly Row[];
}

/**
 * The source of entries that are not cached in the process: the Redis snapshot, if it can be trusted, then the projection's table. Fills the
 * snapshot from the table. One instance per process.
 */
export class EntrySource {
  readonly #platform: Platform;
  /** The newest write of the projection that this process has observed. A snapshot with an older watermark is not trusted. */
  #observed = 0;
  /** The version of each key's last observed write. It is known for longer than the snapshot's TTL of an entry. */
  readonly #written = new LRUCache<string, bigint>({ max: writtenMax, ttl: 2 * cacheSecondsMax * 1_000, ttlAutopurge: false });

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  /** Reads the number of the projection's last write, from before this process observed events. */
  async start(): Promise<void> {
    await this.#queryRows([]);
  }

  /** Records that an event announced the write `number`. */
  observe(number: number): void {
    if (number > this.#observed) this.#observed = number;
  }

  /** Records that the transaction `version` has written these keys. */
  observeWritten(keys: readonly string[], version: bigint): void {
    for (const key of keys) if ((this.#written.get(key) ?? 0n) < version) this.#written.set(key, version);
  }

  /** Drops the observed versions: the database may have lost their transactions. */
  clearWritten(): void {
    this.#written.clear();
  }

  async fetch(keys: readonly string[]): Promise<readonly (LoadedEntry | null)[]> {
    const { projectionLookups } = this.#platform.metrics;
    const snapshot = await this.#readSnapshot(keys);
    const found = new Map<string, LoadedEntry>();
    keys.forEach((key, index) => {
      const hit = snapshot.entries[index];
      if (!hit || !this.#isOfThisLog(hit.version) || this.#isReplayed(key, hit.version)) return;
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
      this.#fill(table, snapshot);
    }
    return keys.map((key) => found.get(key) ?? null);
  }

  /** Reads the entries of `keys` from the table, bypassing the Redis snapshot. */
  async fromTable(keys: readonly string[]): Promise<readonly (LoadedEntry | null)[]> {
    const { rows } = await this.#queryRows(keys);
    const found = new Map(rows.map(({ key, value, version }) => [key, loadedOf(key, value, version)]));
    return keys.map((key) => found.get(key) ?? null);
  }

  /** Reads the snapshot. One that is unavailable or has an older number counts as empty. */
  async #readSnapshot(keys: readonly string[]): Promise<Reading> {
    try {
      const reading = await this.#platform.snapshotCache.read(keys);
      if (reading.watermark !== null && reading.watermark.number >= this.#observed) return reading;
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
    }
    return { watermark: null, entries: [] };
  }

  /** Whether the log contains the version: after a restore of the database, a snapshot may have values of lost transactions. */
  #isOfThisLog(version: bigint): boolean {
    return this.#platform.log.hasSeen(String(version));
  }

  /** Whether a genuine but older value was replayed: a newer write of the key was observed. */
  #isReplayed(key: string, version: bigint): boolean {
    const isOlder = version < (this.#written.get(key) ?? 0n);
    if (isOlder) this.#platform.metrics.distrusted.inc({ channel: "redis", kind: "entry", reason: "replayed" });
    return isOlder;
  }

  /** The rows of `keys` and the number of the last write, in one consistent read. */
  async #queryRows(keys: readonly string[]): Promise<Rows> {
    const rows = await this.#platform.database.read(everyTenant, (db) =>
      rowsOf(
        db,
        sql<Row>`select m.number::text, r.key, r.value, r.version::text
        from projection_watermarks m left join projection_entries r on r.key = any(${keys}::text[])`,
      ),
    );
    const number = Number(rows[0]?.number ?? 0);
    this.observe(number);
    return { number, rows: rows.filter(({ key }) => key !== null) };
  }

  /** Fills the snapshot in the background. Skips rows of a replica that are older than the watermark. */
  #fill({ number, rows }: Rows, { watermark }: Reading): void {
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
