import { sql } from "kysely";
import type { Clock } from "../clock.ts";
import { policies } from "../resilience/policies.ts";
import { within } from "../waiting.ts";
import { type Database, everyTenant } from "./database.ts";

/** A clock that is wrong by more is not a slow one: its machine has no time service. */
export const clockSkewMaxMs = 120_000;
/** How often the database is asked. A quartz crystal drifts by less than a millisecond in that time. */
const measureEveryMs = 5_000;

/**
 * The time of the database, so that what is removed, expired or accepted does not depend on the clock of the process that decides it.
 * Between two measurements the process's monotonic clock runs on, also while the database is away.
 */
export class DatabaseClock implements Clock {
  readonly #database: Database;
  readonly #machine: () => number;
  readonly #onMeasured: (skewMs: number) => void;
  /** What the database said, and when that was on the monotonic clock. */
  #measured = { at: 0, monotonic: 0 };
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  private constructor(database: Database, machine: () => number, onMeasured: (skewMs: number) => void) {
    this.#database = database;
    this.#machine = machine;
    this.#onMeasured = onMeasured;
  }

  /** Asks once, so that the first time that is read is the database's. Rejects with Unavailable where the database does not answer. */
  static async open(
    database: Database,
    options: { readonly machine?: () => number; readonly onMeasured?: (skewMs: number) => void } = {},
  ): Promise<DatabaseClock> {
    const clock = new DatabaseClock(database, options.machine ?? Date.now, options.onMeasured ?? (() => {}));
    await clock.measure();
    clock.#again();
    return clock;
  }

  now(): number {
    return Math.round(this.#measured.at + performance.now() - this.#measured.monotonic);
  }

  /** How far the machine's clock is ahead of the database's; negative where it is behind. */
  get skewMs(): number {
    return Math.round(this.#machine() - this.now());
  }

  async measure(): Promise<void> {
    const asked = performance.now();
    const { rows } = await within(
      policies["postgresql.primary"].timeLimitMs,
      "the database did not tell its time",
      this.#database.transact(everyTenant, (tx) =>
        sql<{ ms: string }>`select (extract(epoch from clock_timestamp()) * 1000)::text as ms`.execute(tx),
      ),
    );
    const answered = performance.now();
    // The database looked at its clock at some time between; a slow answer is therefore wrong by half of its duration at most.
    this.#measured = { at: Number((rows[0] as { ms: string }).ms), monotonic: (asked + answered) / 2 };
    this.#onMeasured(this.skewMs);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #again(): void {
    if (this.#closed) return;
    // While the database is away, the last measurement stands.
    this.#timer = setTimeout(
      () =>
        void this.measure()
          .catch(() => {})
          .then(() => this.#again()),
      measureEveryMs,
    ).unref();
  }
}
