import { type Kysely, type RawBuilder, sql } from "kysely";
import type { AnyTables } from "#platform/database/database.ts";

/** The rows that a step of the schema puts into its table, as long as no server has changed them. */
const untouched: Readonly<Record<string, RawBuilder<unknown>>> = {
  projection_watermarks: sql`number = 0`,
  log_removals: sql`removed = 0`,
  audit_progress: sql`transaction = '0'::xid8 and sequence = 0`,
};

/** Takes such a row out of a new database: the source's comes in its place. */
export async function forgetSeed(db: Kysely<AnyTables>, table: string): Promise<void> {
  const rows = untouched[table];
  if (rows !== undefined) await sql`delete from ${sql.table(table)} where ${rows}`.execute(db);
}
