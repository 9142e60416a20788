import { everyTenant } from "#platform/database/database.ts";
import type { Platform } from "#platform/platform.ts";
import { sessionStore } from "./store.ts";

/** A session whose uses are recorded. */
export interface UsedSession {
  readonly id: string;
  /** The last use in this process, and the last use that it has recorded in the database; milliseconds. */
  lastActiveAt: number;
  recordedAt: number;
}

/** At most one use is recorded in this interval: idle limits are counted in minutes. */
const recordIntervalMs = 60_000;
const flushIntervalMs = 5_000;

/** Records the last use of sessions in the database, in batches. One per process. */
export class LastUse {
  readonly #platform: Platform;
  readonly #unrecorded = new Map<string, UsedSession>();
  #timer: NodeJS.Timeout | undefined;
  #flushing: Promise<void> = Promise.resolve();

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  start(): void {
    this.#timer = setInterval(() => void this.flush(), flushIntervalMs);
    this.#timer.unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.flush();
  }

  /** Records a use of the session at the current time. */
  record(session: UsedSession): void {
    const now = this.#platform.clock.now();
    session.lastActiveAt = now;
    if (now - session.recordedAt < recordIntervalMs) return;
    session.recordedAt = now;
    this.#unrecorded.set(session.id, session);
  }

  /** Discards uses that are not in the database yet. */
  clear(): void {
    this.#unrecorded.clear();
  }

  /** Resolves when all uses before the call are in the database, also by a pending flush. */
  flush(): Promise<void> {
    this.#flushing = this.#flushing.then(() => this.#write());
    return this.#flushing;
  }

  async #write(): Promise<void> {
    if (this.#unrecorded.size === 0) return;
    const used = [...this.#unrecorded.values()];
    this.#unrecorded.clear();
    try {
      await this.#platform.database.transact(everyTenant, (tx) =>
        sessionStore.writes(tx).recordActivity(used.map(({ id, lastActiveAt }) => ({ id, at: new Date(lastActiveAt) }))),
      );
    } catch (error) {
      this.#platform.logger.warn({ err: error }, "the last use of sessions could not be recorded");
    }
  }
}
