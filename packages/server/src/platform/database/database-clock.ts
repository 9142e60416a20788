import { sql } from "kysely";
import type { Clock } from "../clock.ts";
import { policies } from "../resilience/policies.ts";
import { within } from "../waiting.ts";
import { type Database, everyTenant } from "./database.ts";

/** Beyond this skew, a machine must lack time synchronization. */
export const clockSkewMaxMs = 120_000;
/** How often the database's time is measured. A quartz clock drifts by less than a millisecond in this interval. */
const measureEveryMs = 5_000;

/**
 * The time of the database, so that removal, expiry and acceptance do not depend on the clock of a process.
 * Between measurements, and while the database is away, it advances by the process's monotonic clock.
 */
export class DatabaseClock implements Clock {
  readonly #database: Database;
  readonly #machine: () => number;
  readonly #onMeasured: (skewMs: number) => void;
  /** The database's time, and the monotonic time of its measurement. */
  #measured = { at: 0, monotonic: 0 };
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  private constructor(database: Database, machine: () => number, onMeasured: (skewMs: number) => void) {
    this.#database = database;
    this.#machine = machine;
    this.#onMeasured = onMeasured;
  }

  /** Measures once before it resolves. Rejects with Unavailable if the database does not answer. */
  static async open(
    database: Database,
    options: { readonly machine?: () => number; readonly onMeasured?: (skewMs: number) => void } = {},
  ): Promise<DatabaseClock> {
    const clock = new DatabaseClock(database, options.machine ?? Date.now, options.onMeasured ?? (() => {}));
    await clock.measure();
    clock.#measureLater();
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
    const sentAt = performance.now();
    const { rows } = await within(
      policies["postgresql.primary"].timeLimitMs,
      "the database did not return its time",
      this.#database.transact(everyTenant, (tx) =>
        sql<{ ms: string }>`select (extract(epoch from clock_timestamp()) * 1000)::text as ms`.execute(tx),
      ),
    );
    const receivedAt = performance.now();
    // The database read its clock at some time between, so the error is at most half of the round trip.
    this.#measured = { at: Number((rows[0] as { ms: string }).ms), monotonic: (sentAt + receivedAt) / 2 };
    this.#onMeasured(this.skewMs);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #measureLater(): void {
    if (this.#closed) return;
    // While the database is away, the last measurement remains valid.
    this.#timer = setTimeout(
      () =>
        void this.measure()
          .catch(() => {})
          .then(() => this.#measureLater()),
      measureEveryMs,
    ).unref();
  }
}
