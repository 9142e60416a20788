import { hostname } from "node:os";
import { type Kysely, sql } from "kysely";
import { type AnyTables, everyTenant, type ReadHandle, type WriteHandle } from "#platform/database/database.ts";
import type { Platform } from "#platform/platform.ts";
import { CacheCheckRequested } from "../events.ts";
import type { CachedDifferences } from "./compare-cached.ts";

/** So many keys are told: they show what is wrong, and the number says how much. */
const reportedKeysMax = 100;

/** What a process has found in its own caches when an operator asked for it. */
export interface CacheReport {
  readonly host: string;
  readonly pid: number;
  readonly entries: number;
  readonly differing: number;
  readonly keys: string[];
}

/** Lets this process answer when an operator asks what it has cached. */
export function answerCacheChecks(platform: Platform, compare: () => Promise<CachedDifferences>): void {
  platform.log.onEvent(({ type, data }) => {
    if (type !== CacheCheckRequested.type) return;
    const { checkId } = data as { checkId: string };
    compare()
      .then((found) => reportCached(platform, checkId, found))
      .catch((error) => platform.logger.warn({ err: error, checkId }, "the caches could not be compared with the projection"));
  });
}

/** Writes down what this process has found, where the operator's command finds it. */
async function reportCached({ database, logger }: Platform, checkId: string, found: CachedDifferences): Promise<void> {
  const keys = found.keys.slice(0, reportedKeysMax);
  if (found.keys.length > 0) logger.error({ keys, differing: found.keys.length }, "cached entries were not what the database has");
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

/** Reports are read within a minute; they stay a day, for an operator who looks into the table. */
export const pruneCacheReports = (tx: WriteHandle) =>
  sql`delete from access_cache_reports where reported_at < now() - interval '1 day'`.execute(tx);
