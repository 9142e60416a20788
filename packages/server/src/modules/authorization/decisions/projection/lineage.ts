import { sql } from "kysely";
import { everyTenant } from "#platform/database/database.ts";
import type { Platform } from "#platform/platform.ts";
import { renew, unlessAway } from "./snapshot.ts";

/** Far more writes than a failover can lose: no number of the snapshot in Redis is met again in the next lineage. */
const numbersApart = 1_000_000;

/**
 * Makes a Redis snapshot of another lineage of the database one that is not believed (decision 0035). The number of the projection's
 * writes leaps once a lineage, in the database itself: so every process sees it, also one that reaches Redis only later. The process
 * that makes it leap begins the snapshot anew.
 */
export async function leaveLineage(platform: Platform): Promise<void> {
  const { snapshotCache: cache, database, log } = platform;
  if (!cache.shared || log.lineage === undefined) return;
  const { lineage } = log;
  const hasLeapt = await database.transact(everyTenant, async (tx) => {
    const { numAffectedRows } = await sql`update projection_watermarks set number = number + ${numbersApart}, lineage = ${lineage}
      where lineage is null or lineage <> ${lineage}`.execute(tx);
    return numAffectedRows === 1n;
  });
  if (hasLeapt) await unlessAway(platform, () => renew(platform));
}
