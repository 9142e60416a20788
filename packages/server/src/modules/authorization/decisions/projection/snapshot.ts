import { sql } from "kysely";
import { type Database, everyTenant } from "#platform/database/database.ts";
import type { Platform } from "#platform/platform.ts";
import type { Entry, Watermark } from "#platform/snapshot-cache/snapshot-cache.ts";
import { Unavailable } from "#platform/unavailable.ts";
import type { Projected } from "./project.ts";
import { cacheSecondsOf } from "./stored-entry.ts";

/** The preceding write of another worker may not be published yet; after this many attempts it counts as lost. */
const attemptMs = 10;
const attemptsMax = 5;

/** Publishes a committed write to the Redis snapshot, in the order of the writes. Never rejects. */
export async function publish(platform: Platform, projected: Projected): Promise<void> {
  const { failed, version, number } = projected;
  const entries = projected.entries.map(({ key, json }) => entryOf(key, json, version));
  await unlessAway(platform, async () => {
    if (!(await isTurnOf(platform, number))) return;
    // The snapshot cannot delete single entries, and must not retain an older value of a failed one.
    if (failed.length > 0) {
      await beginAt(platform, number, (await platform.snapshotCache.read([])).watermark);
      return;
    }
    if (!(await platform.snapshotCache.write(entries, { after: number - 1, to: number }))) platform.metrics.snapshotGenerations.inc();
  });
}

/** Empties the snapshot. Throws {@link Unavailable} if Redis does not respond. */
export async function renew(platform: Platform): Promise<void> {
  for (;;) {
    const { watermark } = await platform.snapshotCache.read([]);
    if (await beginAt(platform, await lastNumber(platform.database), watermark)) return;
  }
}

/** Begins an empty generation at `number`, unless another process has moved the watermark from `seen`. */
export async function beginAt(
  { snapshotCache: cache, logger, metrics }: Platform,
  number: number,
  seen: Watermark | null,
): Promise<boolean> {
  const begun = await cache.begin(number, seen);
  if (begun) {
    metrics.snapshotGenerations.inc();
    logger.info({ before: seen?.number ?? null, number }, "the Redis snapshot of the projection was emptied");
  }
  return begun;
}

/** Runs `work`. An unavailable snapshot is no error: its watermark shows that it missed a write. */
export async function unlessAway({ logger }: Platform, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (error instanceof Unavailable) logger.debug({ err: error }, "the Redis snapshot of the projection is unavailable");
    else logger.error({ err: error }, "the Redis snapshot of the projection could not be updated");
  }
}

export const entryOf = (key: string, value: string, version: bigint): Entry => ({ key, value, version, ttlSeconds: cacheSecondsOf(key) });

/** The number of the projection's last committed write. Read from the primary, because a replica may lag behind the snapshot. */
export const lastNumber = (database: Database): Promise<number> =>
  database.transact(everyTenant, async (tx) => {
    const { rows } = await sql<{ number: string }>`select number::text from projection_watermarks`.execute(tx);
    return Number(rows[0]?.number ?? 0);
  });

/**
 * Waits for the publication of the write before `number`, which another worker may have committed. False if the snapshot was emptied after
 * this write: then it has nothing that the write changes.
 */
async function isTurnOf({ snapshotCache: cache, database }: Platform, number: number): Promise<boolean> {
  for (let attempt = 0; cache.shared; attempt += 1) {
    const { watermark } = await cache.read([]);
    if (watermark === null || watermark.number === number - 1) return true;
    // Ahead of the database: it was restored to an earlier time, and the snapshot is of lost writes.
    if (watermark.number >= number) return watermark.number > (await lastNumber(database));
    if (attempt === attemptsMax) return true;
    await new Promise((resolve) => setTimeout(resolve, attemptMs));
  }
  return true;
}
