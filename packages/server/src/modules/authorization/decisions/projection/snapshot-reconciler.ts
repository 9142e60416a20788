import type { BackgroundTask } from "#platform/background.ts";
import type { Platform } from "#platform/platform.ts";
import { sameWatermark, type Watermark } from "#platform/snapshot-cache/snapshot-cache.ts";
import { beginAt, lastNumber, unlessAway } from "./snapshot.ts";

/** Often enough that a lost snapshot helps again soon; readers do not use it meanwhile. */
const lookEveryMs = 2_000;

/**
 * Makes sure that the Redis snapshot has come to the database's number (decision 0022). It heals what the next write would heal too, so
 * that a copy is of use again where nothing is written for a long time. Each worker has one.
 */
export function snapshotReconciler(platform: Platform): BackgroundTask {
  const { snapshotCache: cache, database } = platform;
  /** A watermark that was behind at the last look; where it still is at the next one, it has missed a write for good. */
  let behind: Watermark | undefined;
  const look = (): Promise<void> =>
    unlessAway(platform, async () => {
      // First the watermark: a write is committed before it is published, so an honest snapshot is not ahead of a number that is read later.
      const { watermark } = await cache.read([]);
      const number = await lastNumber(database);
      const wasBehind = behind !== undefined && sameWatermark(behind, watermark);
      behind = watermark !== null && watermark.number < number ? watermark : undefined;
      const lost = watermark === null || watermark.number > number || (behind !== undefined && wasBehind);
      if (lost) await beginAt(platform, number, watermark);
    });
  return {
    name: "decisions.reconcile-snapshot",
    everyMs: lookEveryMs,
    async step() {
      await look();
      return false;
    },
    // One look repairs what there is to repair.
    watermark: async () => "",
    isPast: async () => true,
  };
}
