import { sql } from "kysely";
import { type Database, everyTenant } from "#platform/database/database.ts";
import type { Platform } from "#platform/platform.ts";
import type { Entry, Watermark } from "#platform/snapshot-cache/snapshot-cache.ts";
import { Unavailable } from "#platform/unavailable.ts";
import type { Projected } from "./project.ts";
import { cacheSecondsOf } from "./stored-entry.ts";

/** Another worker's write of a moment ago may still be on its way; after so many turns it counts as lost. */
const turnMs = 10;
const turnsMax = 5;

/** Stores what was written in the Redis snapshot, once it is committed and in the order of the writes. Never rejects. */
export async function publish(platform: Platform, projected: Projected): Promise<void> {
  const { failed, version, number } = projected;
  const entries = projected.entries.map(({ key, json }) => entryOf(key, json, version));
  await unlessAway(platform, async () => {
    if (!(await isTurnOf(platform, number))) return;
    // The copy cannot delete single entries, and must not keep an older value of one that failed.
    if (failed.length > 0) {
      await beginAt(platform, number, (await platform.snapshotCache.read([])).watermark);
      return;
    }
    if (!(await platform.snapshotCache.write(entries, { after: number - 1, to: number }))) platform.metrics.snapshotGenerations.inc();
  });
}

/** Empties the copy, whatever it holds. Throws {@link Unavailable} where it does not answer. */
export async function renew(platform: Platform): Promise<void> {
  for (;;) {
    const { watermark } = await platform.snapshotCache.read([]);
    if (await beginAt(platform, await lastNumber(platform.database), watermark)) return;
  }
}

/** Begins a generation at `number` unless another process has moved the watermark from `seen`. */
export async function beginAt(
  { snapshotCache: cache, logger, metrics }: Platform,
  number: number,
  seen: Watermark | null,
): Promise<boolean> {
  const begun = await cache.begin(number, seen);
  if (begun) {
    metrics.snapshotGenerations.inc();
    logger.info({ before: seen?.number ?? null, number }, "the Redis snapshot of the projection begins anew");
  }
  return begun;
}

/** Runs `work`. A snapshot that is unavailable is no error: its watermark shows what it misses. */
export async function unlessAway({ logger }: Platform, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (error instanceof Unavailable) logger.debug({ err: error }, "the Redis snapshot of the projection was not reached");
    else logger.error({ err: error }, "the Redis snapshot of the projection could not be kept");
  }
}

export const entryOf = (key: string, value: string, version: bigint): Entry => ({ key, value, version, ttlSeconds: cacheSecondsOf(key) });

/** The number of the projection's last committed write; asked of the primary, because a replica may lag behind the copy. */
export const lastNumber = (database: Database): Promise<number> =>
  database.transact(everyTenant, async (tx) => {
    const { rows } = await sql<{ number: string }>`select number::text from projection_watermarks`.execute(tx);
    return Number(rows[0]?.number ?? 0);
  });

/**
 * Waits for the write before `number`, which another worker may have committed a moment ago. False where the copy was already begun
 * anew after this write: then it holds nothing that the write changes.
 */
async function isTurnOf({ snapshotCache: cache, database }: Platform, number: number): Promise<boolean> {
  for (let turn = 0; cache.shared; turn += 1) {
    const { watermark } = await cache.read([]);
    if (watermark === null || watermark.number === number - 1) return true;
    // Ahead of the database itself: that was restored to an earlier time, and the copy is of one that never was.
    if (watermark.number >= number) return watermark.number > (await lastNumber(database));
    if (turn === turnsMax) return true;
    await new Promise((resolve) => setTimeout(resolve, turnMs));
  }
  return true;
}
