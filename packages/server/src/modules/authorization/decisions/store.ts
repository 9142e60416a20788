import { sql } from "kysely";
import type { KeyPage } from "#modules/authorization/access/index.ts";
import type { Store } from "#operation/declaration/module.ts";
import type { ReadHandle, WriteHandle } from "#platform/database/database.ts";
import type { SnapshotCache } from "#platform/snapshot-cache/snapshot-cache.ts";
import { projectorName } from "./projection/names.ts";
import { type Compute, type Projected, projectKeys } from "./projection/project.ts";
import { cacheReports, pruneCacheReports } from "./projection/report-cached.ts";
import { listKeys } from "./projection/stored-keys.ts";
import { type Difference, verifyEntries } from "./projection/verify.ts";
import { recordedReads, recordedWrites } from "./recorded-decisions.ts";

const reads = (db: ReadHandle) => ({
  ...recordedReads(db),
  /** A page of the keys of stored and expected entries. */
  keys: (cursor: string | null, limit: number, expected: Parameters<typeof listKeys>[3]): Promise<KeyPage> =>
    listKeys(db, cursor, limit, expected),
  /** Entries whose stored value differs from the tables. */
  verifyEntries: (cache: SnapshotCache, keys: readonly string[], compute: Compute): Promise<readonly Difference[]> =>
    verifyEntries(db, cache, keys, compute),
  cacheReports: (checkId: string) => cacheReports(db, checkId),
});

const writes = (tx: WriteHandle) => ({
  ...recordedWrites(tx),
  pruneCacheReports: () => pruneCacheReports(tx),
  /** Takes the projector's lock: waits for its current batch and blocks the next one. */
  async lockProjection(): Promise<void> {
    await sql`select from consumers where name = ${projectorName} for update`.execute(tx);
  },
  async removeEntries(keys: readonly string[]): Promise<void> {
    if (keys.length > 0) await sql`delete from projection_entries where key = any(${keys}::text[])`.execute(tx);
  },
  project: (keys: readonly string[], compute: Compute, options?: { readonly treeMoved?: boolean }): Promise<Projected> =>
    projectKeys(tx, keys, compute, options),
});

export const decisionsStore: Store<ReturnType<typeof reads>, ReturnType<typeof writes>> = { reads, writes };
