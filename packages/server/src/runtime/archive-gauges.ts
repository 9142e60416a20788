import { sql } from "kysely";
import type { TableGauge } from "#operation/declaration/module.ts";
import type { ReadHandle } from "#platform/database/database.ts";
import { rowsOf } from "#platform/database/rows.ts";

interface Archiver {
  readonly seconds: number;
  readonly failed: number;
}

/** Reads the state of PostgreSQL's WAL archive; undefined where it archives nothing (embedded storage, `archive_mode = off`). */
async function archiver(db: ReadHandle): Promise<Archiver | undefined> {
  const rows = await rowsOf(
    db,
    sql<{ mode: string; seconds: string; failed: string }>`
    select current_setting('archive_mode') as mode, failed_count::text as failed,
      -- A cluster that has archived nothing yet is as late as its statistics are old.
      extract(epoch from now() - coalesce(last_archived_time, stats_reset, pg_postmaster_start_time()))::text as seconds
    from pg_stat_archiver`,
  );
  const row = rows[0];
  if (row === undefined || row.mode === "off") return undefined;
  return { seconds: Math.max(0, Number(row.seconds)), failed: Number(row.failed) };
}

const archiveGauge = (name: string, help: string, value: (archive: Archiver) => number): TableGauge => ({
  name,
  help,
  async read(db) {
    const archive = await archiver(db);
    return archive === undefined ? [] : [{ value: value(archive) }];
  },
});

/** Lag of PostgreSQL's WAL archive: the writes that a lost disk would lose. Absent where nothing is archived. */
export const archiveGauges: readonly TableGauge[] = [
  archiveGauge("gatehouse_database_archive_age_seconds", "Time since PostgreSQL last archived a WAL segment", ({ seconds }) => seconds),
  archiveGauge(
    "gatehouse_database_archive_failures",
    "Failed attempts of PostgreSQL to archive a WAL segment since its statistics began",
    ({ failed }) => failed,
  ),
];
