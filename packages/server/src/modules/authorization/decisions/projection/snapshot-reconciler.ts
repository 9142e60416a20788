import type { BackgroundTask } from "#platform/background.ts";
import type { Platform } from "#platform/platform.ts";
import { sameWatermark, type Watermark } from "#platform/snapshot-cache/snapshot-cache.ts";
import { beginAt, lastNumber, unlessAway } from "./snapshot.ts";

/** Often enough that a lost snapshot is soon of use again; readers do not use it meanwhile. */
const reconcileEveryMs = 2_000;

/**
 * Reconciles the Redis snapshot with the database's number (decision 0022). The next write would do the same; this task helps when there is no
 * write for a long time. Each worker runs one.
 */
export function snapshotReconciler(platform: Platform): BackgroundTask {
  const { snapshotCache: cache, database } = platform;
  /** The watermark that was behind at the last step. If it still is at the next one, the snapshot has missed a write. */
  let behind: Watermark | undefined;
  const reconcile = (): Promise<void> =>
    unlessAway(platform, async () => {
      // The watermark first: a write is committed before it is published, so a valid snapshot is never ahead of a number read later.
      const { watermark } = await cache.read([]);
      const number = await lastNumber(database);
      const wasBehind = behind !== undefined && sameWatermark(behind, watermark);
      behind = watermark !== null && watermark.number < number ? watermark : undefined;
      const lost = watermark === null || watermark.number > number || (behind !== undefined && wasBehind);
      if (lost) await beginAt(platform, number, watermark);
    });
  return {
    name: "decisions.reconcile-snapshot",
    everyMs: reconcileEveryMs,
    async step() {
      await reconcile();
      return false;
    },
    // One step does all the work.
    watermark: async () => "",
    isPast: async () => true,
  };
}
