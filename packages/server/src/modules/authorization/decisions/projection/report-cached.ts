import { hostname } from "node:os";
import { type Kysely, sql } from "kysely";
import { type AnyTables, everyTenant, type ReadHandle, type WriteHandle } from "#platform/database/database.ts";
import type { Platform } from "#platform/platform.ts";
import { CacheCheckRequested } from "../events.ts";
import type { CachedDifferences } from "./compare-cached.ts";

/** Keys that a report lists as examples; `differing` is the full count. */
const reportedKeysMax = 100;

/** The result of a cache check in one process. */
export interface CacheReport {
  readonly host: string;
  readonly pid: number;
  readonly entries: number;
  readonly differing: number;
  readonly keys: string[];
}

/** Makes this process run the cache checks that operators request. */
export function answerCacheChecks(platform: Platform, compare: () => Promise<CachedDifferences>): void {
  platform.log.onEvent(({ type, data }) => {
    if (type !== CacheCheckRequested.type) return;
    const { checkId } = data as { checkId: string };
    compare()
      .then((found) => reportCached(platform, checkId, found))
      .catch((error) => platform.logger.warn({ err: error, checkId }, "the caches could not be compared with the projection"));
  });
}

/** Stores the result of this process for the operator's command. */
async function reportCached({ database, logger }: Platform, checkId: string, found: CachedDifferences): Promise<void> {
  const keys = found.keys.slice(0, reportedKeysMax);
  if (found.keys.length > 0) logger.error({ keys, differing: found.keys.length }, "cached entries differed from the database");
  await database.transact(everyTenant, (tx) =>
    sql`insert into access_cache_reports (check_id, host, pid, entries, differing, keys, reported_at)
      values (${checkId}, ${hostname()}, ${process.pid}, ${found.entries}, ${found.keys.length}, ${JSON.stringify(keys)}, now())
      on conflict do nothing`.execute(tx),
  );
}

export async function cacheReports(db: ReadHandle, checkId: string): Promise<readonly CacheReport[]> {
  const { rows } = await sql<CacheReport>`select host, pid, entries, differing, keys from access_cache_reports
    where check_id = ${checkId} order by host, pid`.execute(db as unknown as Kysely<AnyTables>);
  return rows;
}

/** Deletes reports after a day. The command reads them within a minute; operators may read the table later. */
export const pruneCacheReports = (tx: WriteHandle) =>
  sql`delete from access_cache_reports where reported_at < now() - interval '1 day'`.execute(tx);
