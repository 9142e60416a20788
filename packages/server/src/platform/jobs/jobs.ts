import type { WriteHandle } from "../database/database.ts";
import type { DeadLetters } from "../dead-letters.ts";

/**
 * The jobs port: work that is done later, at least once, by any process with the worker role.
 * A handler must be idempotent, or record in its `stage` how far an attempt got.
 */
export interface Jobs {
  /** Starts to process the queue of `job`. */
  work<Payload extends object>(job: Job<Payload>): Promise<void>;
  /** Takes no further job until `resume`; running jobs continue. */
  suspend(): Promise<void>;
  resume(): Promise<void>;
  /** Records a job in the caller's transaction: it exists if and only if the transaction commits. */
  enqueue<Payload extends object>(tx: WriteHandle, job: JobName<Payload>, payload: Payload): Promise<void>;
  /** The names of all queues. */
  readonly queues: readonly string[];
  /** The jobs of a queue that failed their last attempt. */
  deadLetters(queue: string): DeadLetters;
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** What is needed to enqueue a job: its queue and the type of its payload. */
export interface JobName<Payload extends object> {
  readonly name: string;
  /** Never set; only declares the payload's type. */
  readonly payload?: Payload;
  /** Set if the queue's default retries are insufficient; its row in the policies table has the reason. */
  readonly retry?: JobRetrySchedule;
}

/** Retries of a failed job. The pause doubles, with jitter, from the first to the longest. */
export interface JobRetrySchedule {
  readonly times: number;
  readonly firstPauseSeconds: number;
  readonly longestPauseSeconds: number;
}

export interface Job<Payload extends object> extends JobName<Payload> {
  /** Five-field cron in UTC: also enqueues an empty payload on schedule. */
  readonly schedule?: string;
  handle(payload: Payload): Promise<void>;
}
