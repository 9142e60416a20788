import { type RawBuilder, sql } from "kysely";
import type { WriteHandle } from "./database.ts";

/** `json` is a jsonb column whose values are JSON texts: JSON null is distinct from NULL, and numbers keep their digits. */
export type ColumnType = "uuid" | "text" | "text[]" | "integer" | "bigint" | "boolean" | "timestamptz" | "xid8" | "json";

/** A row in the form that the database reads: dates as ISO 8601, integers beyond 2^53 as text. */
type Row<Columns extends Readonly<Record<string, ColumnType>>> = { readonly [Name in keyof Columns]: unknown };

/**
 * Each statement has one parameter for all rows. The protocol counts parameters in 16 bits, so one parameter per value
 * is limited to 65,535. A thousand rows of the largest kind are about 16 MB, far below jsonb's limit of 256 MB.
 */
const rowsInOneStatement = 1_000;

/**
 * Inserts any number of rows in their order. `suffix` follows the rows: `on conflict`, `returning`. Returns the rows of `returning`.
 */
export async function insertMany<const Columns extends Readonly<Record<string, ColumnType>>, Returned = never>(
  tx: WriteHandle,
  table: string,
  columns: Columns,
  rows: readonly Row<Columns>[],
  suffix: RawBuilder<Returned> = sql``,
): Promise<readonly Returned[]> {
  const names = Object.keys(columns);
  const returned: Returned[] = [];
  for (let from = 0; from < rows.length; from += rowsInOneStatement) {
    const batch = rows.slice(from, from + rowsInOneStatement).map((row) => only(row, names));
    const [into, values] = [sql.join(names.map((name) => sql.ref(name))), sql.join(names.map((name) => valueIn(name, columns)))];
    const result = await sql<Returned>`insert into ${sql.table(table)} (${into}) select ${values} from ${asRows(columns, batch)}
      order by given.ordinal ${suffix}`.execute(tx);
    returned.push(...result.rows);
  }
  return returned;
}

/** The rows as a table expression `given`, with the column `ordinal` counting from 1; for an update or a delete of many rows. */
export function asRows<const Columns extends Readonly<Record<string, ColumnType>>>(
  columns: Columns,
  rows: readonly Row<Columns>[],
): RawBuilder<unknown> {
  const names = Object.keys(columns);
  const typed = sql.join(
    names.map((name) => sql`${sql.ref(name)} ${sql.raw(columns[name] === "json" ? "text" : (columns[name] as string))}`),
  );
  const named = sql.join([...names, "ordinal"].map((name) => sql.ref(name)));
  return sql`rows from (jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as (${typed})) with ordinality as given (${named})`;
}

const valueIn = (name: string, columns: Readonly<Record<string, ColumnType>>): RawBuilder<unknown> =>
  columns[name] === "json" ? sql`given.${sql.ref(name)}::jsonb` : sql`given.${sql.ref(name)}`;

/** The row without other fields of its object. */
const only = <Given extends Readonly<Record<string, unknown>>>(row: Given, names: readonly string[]): Given =>
  Object.fromEntries(names.map((name) => [name, row[name] ?? null])) as Given;

/** The right side of `=` for a list of any length: one parameter, while `in (…)` has one per value. */
export const anyOf = (values: readonly string[], type: "uuid" | "text"): RawBuilder<string> =>
  sql<string>`any(${[...values]}::${sql.raw(type)}[])`;
/** The right side of `<>` for a list of any length: `not in (…)`. */
export const allOf = (values: readonly string[], type: "uuid" | "text"): RawBuilder<string> =>
  sql<string>`all(${[...values]}::${sql.raw(type)}[])`;
