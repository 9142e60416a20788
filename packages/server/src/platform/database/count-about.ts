import { type RawBuilder, sql } from "kysely";
import type { ReadHandle } from "./database.ts";
import { rowsOf } from "./rows.ts";

/** Rows up to which a count is exact: they take a few milliseconds. */
export const exactRowsMax = 40_000;
/** Rows that a larger table's estimate reads: a group of a tenth of the table is then told to within some percent. */
const sampledRows = 20_000;

export interface CountAbout {
  readonly table: string;
  /** What is counted apart; one count where absent. */
  readonly by?: RawBuilder<string>;
  readonly where?: RawBuilder<unknown>;
}

/**
 * Counts a table's rows for a gauge: exactly while the table is small, and from a sample of its blocks beyond, so that the cost has a
 * bound. The same blocks are read each time, so that two counts of an unchanged table agree. A group of very few rows may be missing.
 */
export async function countAbout(
  db: ReadHandle,
  { table, by = sql<string>`''`, where = sql`true` }: CountAbout,
): Promise<readonly { readonly label: string; readonly value: number }[]> {
  // -1 before a table was first analyzed.
  const sizes = await rowsOf(
    db,
    sql<{
      rows: number;
    }>`select reltuples::float8 as rows from pg_class where oid = ${table}::regclass`,
  );
  const size = sizes[0]?.rows ?? 0;
  const isExact = size <= exactRowsMax;
  const sample = isExact ? sql`` : sql`tablesample system (${sql.lit((sampledRows / size) * 100)}) repeatable (0)`;
  const rows = await rowsOf(
    db,
    sql<{ label: string; count: number; read: number }>`
    select ${by} as label, (count(*) filter (where ${where}))::float8 as count, (sum(count(*)) over ())::float8 as read
    from ${sql.table(table)} ${sample} group by 1`,
  );
  // By its part of the sample, as how many blocks a sample has is left to chance.
  return rows.map(({ label, count, read }) => ({ label, value: isExact ? count : Math.round((count / read) * size) }));
}
