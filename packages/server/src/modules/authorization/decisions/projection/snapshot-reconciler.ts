import { type Mark, sameMark } from "#platform/cache/cache.ts";
import type { Platform } from "#platform/platform.ts";
import { beginAt, lastNumber, unlessAway } from "./snapshot.ts";

/** Often enough that a copy which was lost helps again soon; readers do not believe it meanwhile. */
const lookEveryMs = 2_000;

/**
 * Makes sure that the Redis snapshot has come to the database's number (decision 0022). It heals what the next write would heal too, so
 * that a copy is of use again where nothing is written for a long time. Each worker has one.
 */
export class SnapshotReconciler {
  readonly #platform: Platform;
  #timer: NodeJS.Timeout | undefined;
  /** A mark that was behind at the last look; where it still is at the next one, it has missed a write for good. */
  #behind: Mark | undefined;
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

  /** Compares the copy's mark with the database's number; a copy that is ahead, or behind for good, begins anew. Never rejects. */
  look(): Promise<void> {
    const { cache, database } = this.#platform;
    return unlessAway(this.#platform, async () => {
      // First the mark: a write is committed before it is published, so an honest copy is not ahead of a number that is read later.
      const { mark } = await cache.read([]);
      const number = await lastNumber(database);
      const wasBehind = this.#behind !== undefined && sameMark(this.#behind, mark);
      this.#behind = mark !== null && mark.number < number ? mark : undefined;
      const lost = mark === null || mark.number > number || (this.#behind !== undefined && wasBehind);
      if (lost) await beginAt(this.#platform, number, mark);
    });
  }
}
