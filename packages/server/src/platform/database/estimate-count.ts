import { type RawBuilder, sql } from "kysely";
import type { ReadHandle } from "./database.ts";
import { firstRow, rowsOf } from "./rows.ts";

/** Up to this many rows a count is exact; it takes a few milliseconds. */
export const exactRowsMax = 40_000;
/** Rows sampled in a larger table: the error for a tenth of the table is a few percent. */
const sampledRows = 20_000;

export interface CountQuery {
  readonly table: string;
  /** The grouping expression; one group by default. */
  readonly by?: RawBuilder<string>;
  readonly where?: RawBuilder<unknown>;
}

/**
 * Counts a table's rows for a gauge: exactly while the table is small, otherwise from a sample of its blocks, so that the cost is
 * bounded. The same blocks are read each time, so that two counts of an unchanged table agree. A very small group may be missing.
 */
export async function estimateCount(
  db: ReadHandle,
  { table, by = sql<string>`''`, where = sql`true` }: CountQuery,
): Promise<readonly { readonly label: string; readonly value: number }[]> {
  // -1 before a table was first analyzed.
  const statistics = await firstRow(
    db,
    sql<{ rows: number }>`select reltuples::float8 as rows from pg_class where oid = ${table}::regclass`,
  );
  const size = statistics?.rows ?? 0;
  const isExact = size <= exactRowsMax;
  const sample = isExact ? sql`` : sql`tablesample system (${sql.lit((sampledRows / size) * 100)}) repeatable (0)`;
  const rows = await rowsOf(
    db,
    sql<{ label: string; count: number; read: number }>`
    select ${by} as label, (count(*) filter (where ${where}))::float8 as count, (sum(count(*)) over ())::float8 as read
    from ${sql.table(table)} ${sample} group by 1`,
  );
  // Scaled by its share of the sample, because the number of sampled blocks is random.
  return rows.map(({ label, count, read }) => ({ label, value: isExact ? count : Math.round((count / read) * size) }));
}
