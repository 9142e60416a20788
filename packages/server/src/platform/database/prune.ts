import { type RawBuilder, sql } from "kysely";
import { type Database, everyTenant, type WriteHandle } from "./database.ts";

/**
 * Rows removed per transaction. Deleting all expired rows at once would, with a growing table, exceed the statement's time
 * limit and fail each time. Meanwhile the log's horizon would not advance.
 */
export const prunedAtOnce = 5_000;

/** Deletes at most `limit` rows that match `where`, and returns how many. Skips rows that another transaction changes. */
export async function deleteSome(tx: WriteHandle, table: string, where: RawBuilder<unknown>, limit: number): Promise<number> {
  const { numAffectedRows } = await sql`delete from ${sql.table(table)} where ctid = any(array(
    select ctid from ${sql.table(table)} where ${where} limit ${limit}))`.execute(tx);
  return Number(numAffectedRows ?? 0);
}

/** Calls `prune` until it removes fewer rows than its limit, each time in a separate transaction. Returns how many were removed. */
export async function pruneAll(database: Database, prune: (tx: WriteHandle, limit: number) => Promise<number>): Promise<number> {
  for (let removed = 0; ; ) {
    const rows = await database.transact(everyTenant, (tx) => prune(tx, prunedAtOnce));
    removed += rows;
    if (rows < prunedAtOnce) return removed;
  }
}
