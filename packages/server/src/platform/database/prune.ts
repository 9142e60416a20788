import { type RawBuilder, sql } from "kysely";
import { type Database, everyTenant, type WriteHandle } from "./database.ts";

/**
 * Rows that are removed in one transaction. A deletion of everything that has expired grows with the table until it takes longer than a
 * statement may, and then fails each time; and while it runs the log's horizon stands still.
 */
export const prunedAtOnce = 5_000;

/** Removes at most `limit` of the table's rows that `where` finds, and says how many. One that another transaction changes is passed over. */
export async function deleteSome(tx: WriteHandle, table: string, where: RawBuilder<unknown>, limit: number): Promise<number> {
  const { numAffectedRows } = await sql`delete from ${sql.table(table)} where ctid = any(array(
    select ctid from ${sql.table(table)} where ${where} limit ${limit}))`.execute(tx);
  return Number(numAffectedRows ?? 0);
}

/** Calls `prune` until it removes fewer than it may, each time in a transaction of its own. Returns how many rows went. */
export async function pruneAll(database: Database, prune: (tx: WriteHandle, limit: number) => Promise<number>): Promise<number> {
  for (let removed = 0; ; ) {
    const rows = await database.transact(everyTenant, (tx) => prune(tx, prunedAtOnce));
    removed += rows;
    if (rows < prunedAtOnce) return removed;
  }
}
