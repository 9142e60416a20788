import type { ReadHandle } from "./database/database.ts";

/** How much waits in a queue of the worker, and when it last advanced. Both by the database's clock. */
export interface BacklogState {
  readonly queue: string;
  /** Age of the oldest record that could be handled now; 0 if none waits. */
  readonly waitingSeconds: number;
  /** Time since a record of the queue was last handled. */
  readonly idleSeconds: number;
}

/** Reads the state of one or more queues. */
export interface Backlog {
  read(db: ReadHandle): Promise<readonly BacklogState[]>;
}
