import { everyTenant } from "#platform/database/database.ts";
import type { Platform } from "#platform/platform.ts";
import { repairJob } from "../jobs.ts";
import type { Part } from "./parts.ts";

/** A missing part is put right once, not by every check that misses it. */
const repairEveryMs = 10_000;

/** Asks the worker to put missing parts back; the check itself has been denied (decision 0002). One a process. */
export class Repairs {
  readonly #platform: Platform;
  readonly #forget: (keys: readonly string[]) => void;
  readonly #asked = new Map<string, number>();

  /** `forget` drops what is in memory of the parts, so that they are read again. */
  constructor(platform: Platform, forget: (keys: readonly string[]) => void) {
    this.#platform = platform;
    this.#forget = forget;
  }

  ask(parts: readonly Part[]): void {
    const now = performance.now();
    const missing = parts.filter(
      (part) => part.value === null && (this.#asked.get(part.key) ?? Number.NEGATIVE_INFINITY) < now - repairEveryMs,
    );
    if (missing.length === 0) return;
    const keys = missing.map((part) => part.key);
    this.#platform.logger.warn({ keys }, "parts of the access read model are missing; their checks are denied until they are put back");
    this.#enqueue(keys, now);
  }

  /** Asks for entries to be written in the form of this release. */
  renew(parts: readonly Part[]): void {
    const now = performance.now();
    const keys = parts.map(({ key }) => key).filter((key) => (this.#asked.get(key) ?? Number.NEGATIVE_INFINITY) < now - repairEveryMs);
    if (keys.length > 0) this.#enqueue(keys, now);
  }

  #enqueue(keys: readonly string[], now: number): void {
    const { database, jobs, logger } = this.#platform;
    for (const key of keys) this.#asked.set(key, now);
    this.#forget(keys);
    database
      .transact(everyTenant, (tx) => jobs.enqueue(tx, repairJob, { keys }))
      .catch((error) => logger.error({ err: error }, "the repair of the access read model could not be asked for"));
  }

  forgetAll(): void {
    this.#asked.clear();
  }
}
