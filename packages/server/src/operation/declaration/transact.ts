import type { WriteHandle } from "#platform/database/database.ts";
import type { Emit, Enqueue } from "./context.ts";

/** The transaction of a module's HTTP application. Its events are appended, and its jobs exist, if and only if it commits. */
export interface ModuleTransaction {
  readonly tx: WriteHandle;
  readonly now: Date;
  /** The read and write APIs of the modules that this one uses. */
  // biome-ignore lint/suspicious/noExplicitAny: the APIs' types are known to the module, which declares what it uses
  readonly uses: any;
  readonly emit: Emit;
  readonly enqueue: Enqueue;
}

/**
 * Runs `work` in one transaction over every tenant: the requests of a protocol are for no tenant until their state has been read. Runs it
 * again after a conflict with another transaction.
 */
export type Transact = <T>(work: (transaction: ModuleTransaction) => Promise<T>) => Promise<T>;
