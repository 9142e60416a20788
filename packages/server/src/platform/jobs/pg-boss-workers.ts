import type { PgBoss } from "pg-boss";
import type { Logger } from "pino";
import { failureText } from "../failure-text.ts";
import { NonRetryableError } from "../non-retryable-error.ts";
import type { Job } from "./jobs.ts";

/**
 * A notification wakes a worker at once. It also polls at this interval, for jobs without a notification: a retry that is due,
 * or a job whose notification was lost.
 */
const pollingSeconds = 2;
const workOptions = {
  pollingIntervalSeconds: pollingSeconds,
  notifyPollingIntervalSeconds: pollingSeconds,
  batchSize: 1,
  perJobResults: true,
} as const;

/** The workers of a process, one per queue, which are suspended and resumed together. */
export class Workers {
  readonly #boss: PgBoss;
  readonly #logger: Logger;
  readonly #jobs: Job<object>[] = [];
  #suspended = false;

  constructor(boss: PgBoss, logger: Logger) {
    this.#boss = boss;
    this.#logger = logger;
  }

  async add<Payload extends object>(job: Job<Payload>): Promise<void> {
    this.#jobs.push(job as unknown as Job<object>);
    if (!this.#suspended) await this.#begin(job);
  }

  async suspend(): Promise<void> {
    if (this.#suspended) return;
    this.#suspended = true;
    for (const { name } of this.#jobs) await this.#boss.offWork(name);
  }

  async resume(): Promise<void> {
    if (!this.#suspended) return;
    this.#suspended = false;
    for (const job of this.#jobs) await this.#begin(job);
  }

  async #begin<Payload extends object>(job: Job<Payload>): Promise<void> {
    const worker: { id?: string } = {};
    worker.id = await this.#boss.work<Payload>(job.name, workOptions, async ([received]) => {
      if (!received) return [];
      // There may be another job: a transaction that enqueues many notifies once.
      if (worker.id !== undefined) this.#boss.notifyWorker(worker.id);
      try {
        await job.handle(received.data ?? ({} as Payload));
        return [{ id: received.id, status: "completed" }];
      } catch (error) {
        // Returned, not thrown: pg-boss would store the error with its stack, and could not store a text with NUL.
        const output = { message: failureText(error) };
        if (!(error instanceof NonRetryableError)) return [{ id: received.id, status: "failed", output }];
        this.#logger.error({ err: error, job: job.name }, "a job has failed for good: no retry can help");
        return [{ id: received.id, status: "deadletter", output }];
      }
    });
  }
}
