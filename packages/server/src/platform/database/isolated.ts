import { sql } from "kysely";
import type { WriteHandle } from "./database.ts";
import { isCanceledStatement, isTransient, isUnavailable } from "./driver-errors.ts";

/**
 * Whether an error may be caused by a record itself. An unavailable database, a conflict, and a statement that a busy server has
 * canceled are not: the same record may succeed later.
 */
export const isRecordError = (error: unknown): boolean => !isUnavailable(error) && !isTransient(error) && !isCanceledStatement(error);

export interface FailedItem<Item> {
  readonly item: Item;
  readonly error: unknown;
}

export interface Isolated<Item, Result> {
  readonly done: readonly Result[];
  readonly failed: readonly FailedItem<Item>[];
}

/** Runs `work` in a savepoint. When it rejects, its writes are undone and the transaction can continue. */
export async function inSavepoint<Result>(tx: WriteHandle, work: () => Promise<Result>): Promise<Result> {
  await sql`savepoint isolated`.execute(tx);
  try {
    const result = await work();
    await sql`release savepoint isolated`.execute(tx);
    return result;
  } catch (error) {
    await sql`rollback to savepoint isolated`.execute(tx);
    await sql`release savepoint isolated`.execute(tx);
    throw error;
  }
}

/**
 * Runs `work` on all items at once. When that fails, halves the batch until each failing item is alone, so that one bad
 * item costs two savepoints per halving and the others are done. Items keep their order. Rejects with errors that are not
 * caused by an item ({@link isRecordError}).
 */
export async function isolateFailures<Item, Result>(
  tx: WriteHandle,
  items: readonly Item[],
  work: (items: readonly Item[]) => Promise<readonly Result[]>,
): Promise<Isolated<Item, Result>> {
  if (items.length === 0) return { done: [], failed: [] };
  try {
    return { done: await inSavepoint(tx, () => work(items)), failed: [] };
  } catch (error) {
    if (!isRecordError(error)) throw error;
    if (items.length === 1) return { done: [], failed: [{ item: items[0] as Item, error }] };
    const middle = Math.ceil(items.length / 2);
    const left = await isolateFailures(tx, items.slice(0, middle), work);
    const right = await isolateFailures(tx, items.slice(middle), work);
    return { done: [...left.done, ...right.done], failed: [...left.failed, ...right.failed] };
  }
}
