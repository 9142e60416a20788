import { type Kysely, sql } from "kysely";
import type { ReadHandle, WriteHandle } from "../../server/src/platform/database/database.ts";

/**
 * Rows of a table and entries of its indexes that this connection has read. Compare before and after, because reads of earlier
 * transactions count until the server has flushed the statistics.
 */
export async function rowsRead(db: ReadHandle | WriteHandle, table: string): Promise<number> {
  const { rows } = await sql<{ read: number }>`
    select (pg_stat_get_xact_tuples_returned(${table}::regclass) + pg_stat_get_xact_tuples_fetched(${table}::regclass)
      + (select sum(pg_stat_get_xact_tuples_returned(indexrelid)) from pg_index where indrelid = ${table}::regclass))::int as read`.execute(
    db as unknown as Kysely<never>,
  );
  return rows[0]?.read as number;
}
