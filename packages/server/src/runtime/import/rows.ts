import { type Kysely, type RawBuilder, sql } from "kysely";
import type { AnyTables, WriteHandle } from "#platform/database/database.ts";
import type { Column, Table } from "./catalogue.ts";
import { logTable, meaningOf } from "./positions.ts";

/** A batch takes a few megabytes of memory at most, with few round trips. */
const batchRows = 2_000;

/** Settings under which both ends write the same text for the same value. */
export const sameTextFormats = sql`select set_config('timezone', 'UTC', true), set_config('datestyle', 'ISO, YMD', true),
  set_config('intervalstyle', 'iso_8601', true), set_config('bytea_output', 'hex', true), set_config('extra_float_digits', '1', true),
  set_config('app.tenant', '*', true)`;

/**
 * A row as JSON that is equal in both databases: a position in a log is replaced by its rank, the number of rows at or before it,
 * and transaction ids are left out.
 */
function neutral(table: Table): RawBuilder<unknown> {
  const meaning = meaningOf(table);
  const row = sql`to_jsonb(t)`;
  switch (meaning.kind) {
    case "plain":
      return row;
    case "revision":
      // Replaced by 1 where there was one, so that a row without a revision stays without.
      return sql`${row} || ${sql.join(
        meaning.columns.map((name) => sql`jsonb_build_object(${sql.lit(name)}, case when ${sql.ref(`t.${name}`)} is not null then 1 end)`),
        sql` || `,
      )}`;
    case "log":
      return sql`${row} - 'transaction' || jsonb_build_object('sequence', row_number() over (order by t.transaction, t.sequence))`;
    case "position":
      return sql`${row} - 'transaction' || jsonb_build_object('sequence', (select count(*) from ${sql.table(meaning.log)} e
        where (e.transaction, e.sequence) <= (t.transaction, t.sequence)))`;
  }
}

/** The value of a column in the target, from the neutral row `r`. */
function targetValue(table: Table, { name, type, required }: Column): RawBuilder<unknown> {
  const meaning = meaningOf(table);
  const here = sql`pg_current_xact_id()`;
  const column = sql.ref(`r.${name}`);
  const inForm = type === "xid8" ? here : sql`${here}::text::${sql.raw(type)}`;
  if (meaning.kind === "revision" && meaning.columns.includes(name)) return sql`case when ${column} is not null then ${inForm} end`;
  if (meaning.kind === "log" && name === "transaction") return here;
  if (meaning.kind !== "position" || (name !== "transaction" && name !== "sequence")) {
    // In a record JSON's null reads as SQL's null.
    return required && type === "jsonb" ? sql`coalesce(${column}, 'null'::jsonb)` : column;
  }
  // At the end of the event log: no reader reads the imported rows again. In another log the import appends a row itself,
  // so the position must be before that row.
  const atEnd = meaning.log === logTable ? sql`r.sequence >= (select count(*) from ${sql.table(logTable)})` : sql`false`;
  return name === "sequence"
    ? sql`case when ${atEnd} then 0 else r.sequence end`
    : sql`case when r.sequence = 0 then '0'::xid8 when ${atEnd} then (${here}::text::bigint + 1)::text::xid8 else ${here} end`;
}

/** Copies a table in batches, a log in its order. Returns the number of rows. */
export async function copyRows(source: Kysely<AnyTables>, target: WriteHandle, table: Table): Promise<number> {
  const written = table.columns.filter(({ generated }) => !generated);
  const columns = sql.join(written.map(({ name }) => sql.ref(name)));
  const values = sql.join(written.map((column) => targetValue(table, column)));
  const order = meaningOf(table).kind === "log" ? sql`order by t.transaction, t.sequence` : sql``;
  await sql`declare import_rows no scroll cursor for select (${neutral(table)})::text as row from ${sql.table(table.name)} t ${order}`.execute(
    source,
  );
  let count = 0;
  for (let rows = await fetched(source); rows.length > 0; ) {
    const batch = `[${rows.map(({ row }) => row).join(",")}]`;
    const asRecords = sql`json_populate_recordset(null::${sql.table(table.name)}, ${batch}::json)`;
    const inserted = sql`insert into ${sql.table(table.name)} (${columns}) overriding system value select ${values} from ${asRecords} r`;
    count += rows.length;
    // The next batch is read while this one is written.
    [rows] = await Promise.all([fetched(source), inserted.execute(target)]);
  }
  await sql`close import_rows`.execute(source);
  return count;
}

const fetched = async (source: Kysely<AnyTables>): Promise<readonly { readonly row: string }[]> =>
  (await sql<{ row: string }>`fetch ${sql.lit(batchRows)} from import_rows`.execute(source)).rows;

export interface Digest {
  readonly rows: number;
  /** Equal for equal rows in any order. */
  readonly digest: string;
}

/** Counts a table's rows and sums their hashes in the database. In its neutral form a table is equal on both ends. */
export async function digestOf(db: Kysely<AnyTables>, table: Table): Promise<Digest> {
  const half = (at: number) => sql`coalesce(sum(('x' || substr(hash, ${sql.lit(at)}, 16))::bit(64)::bigint::numeric), 0)::text`;
  const { rows } = await sql<{ rows: string; one: string; other: string }>`
    select count(*)::text as rows, ${half(1)} as one, ${half(17)} as other
    from (select md5((${neutral(table)})::text) as hash from ${sql.table(table.name)} t) hashes`.execute(db);
  const found = rows[0] as { rows: string; one: string; other: string };
  return { rows: Number(found.rows), digest: `${hex(found.one)}${hex(found.other)}` };
}

const hex = (sum: string): string => BigInt.asUintN(64, BigInt(sum)).toString(16).padStart(16, "0");
