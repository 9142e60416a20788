import type { Platform } from "#platform/platform.ts";
import { sameWatermark, type Watermark } from "#platform/snapshot-cache/snapshot-cache.ts";
import { beginAt, lastNumber, unlessAway } from "./snapshot.ts";

/** Often enough that a copy which was lost helps again soon; readers do not believe it meanwhile. */
const lookEveryMs = 2_000;

/**
 * Makes sure that the shared copy has come to the database's number (decision 0022). It heals what the next write would heal too, so
 * that a copy is of use again where nothing is written for a long time. Each worker has one.
 */
export class SnapshotReconciler {
  readonly #platform: Platform;
  #timer: NodeJS.Timeout | undefined;
  /** A watermark that was behind at the last look; where it still is at the next one, it has missed a write for good. */
  #behind: Watermark | undefined;
  #looking: Promise<void> = Promise.resolve();

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  async start(): Promise<void> {
    await this.look();
    this.#timer = setInterval(() => {
      this.#looking = this.look();
    }, lookEveryMs);
    this.#timer.unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#looking;
  }

  /** Compares the copy's watermark with the database's number; a copy that is ahead, or behind for good, begins anew. Never rejects. */
  look(): Promise<void> {
    const { snapshotCache: cache, database } = this.#platform;
    return unlessAway(this.#platform, async () => {
      // First the watermark: a write is committed before it is published, so an honest copy is not ahead of a number that is read later.
      const { watermark } = await cache.read([]);
      const number = await lastNumber(database);
      const wasBehind = this.#behind !== undefined && sameWatermark(this.#behind, watermark);
      this.#behind = watermark !== null && watermark.number < number ? watermark : undefined;
      const lost = watermark === null || watermark.number > number || (this.#behind !== undefined && wasBehind);
      if (lost) await beginAt(this.#platform, number, watermark);
    });
  }
}
