import { sql } from "kysely";
import { everyTenant } from "#platform/database/database.ts";
import type { Platform } from "#platform/platform.ts";
import { renew, unlessAway } from "./snapshot.ts";

/** Far more writes than a failover can lose, so that the next lineage reuses no number of a Redis snapshot. */
const numbersApart = 1_000_000;

/**
 * Invalidates a Redis snapshot of another database lineage (decision 0035). Advances the number of the projection's writes once per lineage,
 * in the database, so that every process observes it, even one that connects to Redis later. The process that advances it empties the
 * snapshot.
 */
export async function leaveLineage(platform: Platform): Promise<void> {
  const { snapshotCache: cache, database, log } = platform;
  if (!cache.shared || log.lineage === undefined) return;
  const { lineage } = log;
  const hasAdvanced = await database.transact(everyTenant, async (tx) => {
    const { numAffectedRows } = await sql`update projection_watermarks set number = number + ${numbersApart}, lineage = ${lineage}
      where lineage is null or lineage <> ${lineage}`.execute(tx);
    return numAffectedRows === 1n;
  });
  if (hasAdvanced) await unlessAway(platform, () => renew(platform));
}
