import { type Kysely, type RawBuilder, sql } from "kysely";
import type { AnyTables } from "../database/database.ts";

/**
 * Sets future times of the job queue to now, and returns in how many rows. A clock that was ahead, of the database or
 * of an embedded server, leaves such times: until then pg-boss would run no schedule, and jobs would wait.
 */
export const bringTimesBack = (owner: Kysely<AnyTables>): Promise<number> =>
  owner.transaction().execute(async (tx) => {
    let rows = 0;
    // `cron_on`, `monitor_on`, `maintain_on` and similar: the times of the last runs.
    for (const table of ["version", "queue"]) {
      const columns = await timesOf(tx, table);
      if (columns.length > 0) rows += await updated(tx, table, columns, sql`true`);
    }
    if ((await timesOf(tx, "job")).length === 0) return rows;
    // A delayed job starts later than it was created, so only jobs with a creation time in the future are set to start now.
    return rows + (await updated(tx, "job", ["start_after"], sql`created_on > now() and state::text in ('created', 'retry')`));
  });

/** The time columns of a table of pg-boss; none before its first start. */
async function timesOf(tx: Kysely<AnyTables>, table: string): Promise<readonly string[]> {
  const { rows } = await sql<{ name: string }>`
    select attname as name from pg_attribute
    where attrelid = to_regclass(${`jobs.${table}`}) and right(attname, 3) = '_on' and attname not in ('created_on', 'updated_on')
      and atttypid = 'timestamptz'::regtype and attnum > 0 and not attisdropped`.execute(tx);
  return rows.map(({ name }) => name);
}

async function updated(tx: Kysely<AnyTables>, table: string, columns: readonly string[], where: RawBuilder<unknown>): Promise<number> {
  const set = sql.join(columns.map((column) => sql`${sql.ref(column)} = least(${sql.ref(column)}, now())`));
  const future = sql.join(
    columns.map((column) => sql`${sql.ref(column)} > now()`),
    sql` or `,
  );
  const { numAffectedRows } = await sql`update ${sql.table(`jobs.${table}`)} set ${set} where (${future}) and ${where}`.execute(tx);
  return Number(numAffectedRows ?? 0);
}
