import { everyTenant } from "#platform/database/database.ts";
import type { Platform } from "#platform/platform.ts";
import { sessionStore } from "./store.ts";

/** A session whose uses are recorded. */
export interface UsedSession {
  readonly id: string;
  /** Last use that this process knows of, and the last that it has recorded; milliseconds. */
  lastActiveAt: number;
  recordedAt: number;
}

/** Uses within this time are one use to the database: idle limits are counted in minutes. */
const recordEveryMs = 60_000;
const flushEveryMs = 5_000;

/** Records in the database when sessions were last used, some at a time. One a process. */
export class LastUse {
  readonly #platform: Platform;
  readonly #unrecorded = new Map<string, UsedSession>();
  #timer: NodeJS.Timeout | undefined;
  #flushing: Promise<void> = Promise.resolve();

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  start(): void {
    this.#timer = setInterval(() => void this.flush(), flushEveryMs);
    this.#timer.unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.flush();
  }

  /** The session is used now. */
  note(session: UsedSession): void {
    const now = this.#platform.clock.now();
    session.lastActiveAt = now;
    if (now - session.recordedAt < recordEveryMs) return;
    session.recordedAt = now;
    this.#unrecorded.set(session.id, session);
  }

  /** Forgets what is not recorded yet. */
  clear(): void {
    this.#unrecorded.clear();
  }

  /** Resolves when everything used before the call is recorded, also by a flush under way. */
  flush(): Promise<void> {
    this.#flushing = this.#flushing.then(() => this.#record());
    return this.#flushing;
  }

  async #record(): Promise<void> {
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
