import { type Kysely, sql } from "kysely";
import type { AnyTables } from "#platform/database/database.ts";
import { readTables, type Table } from "../import/catalogue.ts";

/** Signs that a database came from another cluster without its transaction ids or its sequences. */
export interface Moved {
  /** Tables with positions above this cluster's transaction ids: readers would wait for them, and writes would be refused. */
  readonly beyond: readonly string[];
  /** Tables whose sequence would repeat a number (logical replication does not copy sequences). */
  readonly behindSequences: readonly string[];
}

/**
 * Compares the positions of the logs with the cluster's transaction ids. Positions that are all below are valid, whichever cluster
 * assigned them, because every later write comes after them.
 */
export async function findMoved(db: Kysely<AnyTables>): Promise<Moved> {
  const beyond: string[] = [];
  const behindSequences: string[] = [];
  for (const table of await readTables(db)) {
    if (await isBeyond(db, table)) beyond.push(table.name);
    if (await wouldRepeat(db, table)) behindSequences.push(table.name);
  }
  return { beyond, behindSequences };
}

export const isMoved = ({ beyond, behindSequences }: Moved): boolean => beyond.length > 0 || behindSequences.length > 0;

/** The reason to refuse a start; undefined where nothing was moved. */
export function refusalOfMoved(moved: Moved): string | undefined {
  if (!isMoved(moved)) return undefined;
  const { beyond, behindSequences } = moved;
  const what = [
    ...(beyond.length > 0 ? [`positions beyond its transaction ids (${beyond.join(", ")})`] : []),
    ...(behindSequences.length > 0 ? [`sequences behind their rows (${behindSequences.join(", ")})`] : []),
  ];
  return `The database was moved here from another PostgreSQL: it has ${what.join(" and ")}. Run \`gatehouse rebase\` (docs/operations/backup.md).`;
}

async function isBeyond(db: Kysely<AnyTables>, { name, columns }: Table): Promise<boolean> {
  if (columns.find((column) => column.name === "transaction")?.type !== "xid8") return false;
  const sequence = columns.find((column) => column.name === "sequence");
  if (sequence === undefined) return false;
  // A row of a log belongs to an ended transaction; a position may belong to the next one (runtime/import/rows.ts).
  const comparison = sequence.identity ? sql`>=` : sql`>`;
  const { rows } = await sql<{ beyond: boolean }>`select exists (select from ${sql.table(name)}
    where transaction ${comparison} pg_snapshot_xmax(pg_current_snapshot())) as beyond`.execute(db);
  return rows[0]?.beyond ?? false;
}

async function wouldRepeat(db: Kysely<AnyTables>, { name, columns }: Table): Promise<boolean> {
  for (const { name: column } of columns.filter(({ identity }) => identity)) {
    // A login without rights on the sequence sees no last value, although it may insert.
    const { rows } = await sql<{ behind: boolean }>`
      select coalesce(max(${sql.ref(column)}) > (select case when has_sequence_privilege(given.oid, 'usage') or has_sequence_privilege(given.oid, 'select')
          then coalesce(pg_sequence_last_value(given.oid), 0) end
        from (select pg_get_serial_sequence(${name}, ${column})::regclass::oid as oid) given), false) as behind
      from ${sql.table(name)}`.execute(db);
    if (rows[0]?.behind) return true;
  }
  return false;
}
