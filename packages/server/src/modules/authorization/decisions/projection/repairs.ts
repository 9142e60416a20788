import { everyTenant } from "#platform/database/database.ts";
import type { Platform } from "#platform/platform.ts";
import { repairJob } from "../queues.ts";
import type { CachedEntry } from "./entry-map.ts";

/** The repair of a missing entry is requested once in this time, not by every check that needs it. */
const repairEveryMs = 10_000;

/** Requests the worker to recompute missing entries; the check itself was denied (decision 0002). One instance per process. */
export class Repairs {
  readonly #platform: Platform;
  readonly #invalidate: (keys: readonly string[]) => void;
  readonly #requestedAt = new Map<string, number>();

  /** `invalidate` drops the cached entries, so that they are read again. */
  constructor(platform: Platform, invalidate: (keys: readonly string[]) => void) {
    this.#platform = platform;
    this.#invalidate = invalidate;
  }

  request(entries: readonly CachedEntry[]): void {
    const now = performance.now();
    const missing = entries.filter(
      (entry) => entry.value === null && (this.#requestedAt.get(entry.key) ?? Number.NEGATIVE_INFINITY) < now - repairEveryMs,
    );
    if (missing.length === 0) return;
    const keys = missing.map((entry) => entry.key);
    this.#platform.logger.warn({ keys }, "projection entries are missing; checks that need them are denied until they are recomputed");
    this.#enqueue(keys, now);
  }

  /** Requests that entries are rewritten in the form of this release. */
  renew(entries: readonly CachedEntry[]): void {
    const now = performance.now();
    const keys = entries
      .map(({ key }) => key)
      .filter((key) => (this.#requestedAt.get(key) ?? Number.NEGATIVE_INFINITY) < now - repairEveryMs);
    if (keys.length > 0) this.#enqueue(keys, now);
  }

  #enqueue(keys: readonly string[], now: number): void {
    const { database, jobs, logger } = this.#platform;
    for (const key of keys) this.#requestedAt.set(key, now);
    this.#invalidate(keys);
    database
      .transact(everyTenant, (tx) => jobs.enqueue(tx, repairJob, { keys }))
      .catch((error) => logger.error({ err: error }, "the repair of the projection could not be requested"));
  }

  clear(): void {
    this.#requestedAt.clear();
  }
}
