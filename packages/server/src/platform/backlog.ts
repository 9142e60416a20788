import type { ReadHandle } from "./database/database.ts";

/** What waits in a queue of the worker's, and when the queue last moved. Both are counted by the database's clock. */
export interface BacklogState {
  readonly queue: string;
  /** Age of the oldest record that could be handled now; 0 where none waits. */
  readonly waitingSeconds: number;
  /** How long ago a record of it was last handled. */
  readonly idleSeconds: number;
}

/** Reads the state of one or more queues. */
export interface Backlog {
  read(db: ReadHandle): Promise<readonly BacklogState[]>;
}
