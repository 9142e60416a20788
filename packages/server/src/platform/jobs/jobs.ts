import type { WriteHandle } from "../database/database.ts";
import type { DeadLetters } from "../dead-letters.ts";

/**
 * The jobs port: work that is done later, at least once, by any process with the worker's role.
 * A handler must be idempotent, or say in its `stage` how far an attempt got.
 */
export interface Jobs {
  /** Begins to work on `job`'s queue. */
  work<Payload extends object>(job: Job<Payload>): Promise<void>;
  /** Takes no further job until `resume`; jobs under way go on. */
  suspend(): Promise<void>;
  resume(): Promise<void>;
  /** Records a job in the caller's transaction: it exists if and only if the transaction commits. */
  enqueue<Payload extends object>(tx: WriteHandle, job: JobName<Payload>, payload: Payload): Promise<void>;
  /** The names of all queues. */
  readonly queues: readonly string[];
  /** The jobs of a queue that were given up after their last try. */
  deadLetters(queue: string): DeadLetters;
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** What an enqueuer must know of a job: its queue and the type of its payload. */
export interface JobName<Payload extends object> {
  readonly name: string;
  /** Never set; carries the payload's type. */
  readonly payload?: Payload;
  /** Where the queue's own tries are not enough; its row in the table of policies has the reason. */
  readonly patience?: Patience;
}

/** Tries of a job that fails. The pause before them doubles, with chance in it, from the first to the longest. */
export interface Patience {
  readonly times: number;
  readonly firstPauseSeconds: number;
  readonly longestPauseSeconds: number;
}

/** Thrown by a handler to say that no other try can help: the job is given up, and stays as failed where an operator finds it. */
export class Futile extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = "Futile";
  }
}

export interface Job<Payload extends object> extends JobName<Payload> {
  /** Five-field cron in UTC: also enqueues an empty payload on schedule. */
  readonly schedule?: string;
  handle(payload: Payload): Promise<void>;
}
