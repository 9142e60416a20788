import { type Kysely, sql } from "kysely";
import type { AnyTables, Lineage, ReadHandle } from "./database.ts";

/** A text that is unique per lineage. */
export const textOfLineage = ({ system, database, timeline }: Lineage): string => `${system}/${database}/${timeline}`;

const oid = sql`(select oid::text from pg_database where datname = current_database())`;
// The name of a log segment begins with its timeline, which is current at once after a promotion, unlike the control file.
const ownTimeline = sql`('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int`;
// For a standby, the control file has the timeline that it has replayed, with a delay.
const replayedTimeline = sql`greatest((select timeline_id from pg_control_checkpoint()),
  (select min_recovery_end_timeline from pg_control_recovery()))`;

const withControlFile = sql<Lineage>`select (select system_identifier::text from pg_control_system()) as system, ${oid} as database,
  case when pg_is_in_recovery() then ${replayedTimeline} else ${ownTimeline} end as timeline`;
const withoutControlFile = sql<Lineage>`select '' as system, ${oid} as database,
  case when pg_is_in_recovery() then 0 else ${ownTimeline} end as timeline`;

/** Some hosted PostgreSQL services do not let customers read the control file. Privileges are checked when a statement begins. */
async function mayReadControlFile(db: Kysely<AnyTables>): Promise<boolean> {
  const { rows } = await sql<{ may: boolean }>`select has_function_privilege('pg_control_system()', 'execute')
    and has_function_privilege('pg_control_checkpoint()', 'execute') and has_function_privilege('pg_control_recovery()', 'execute') as may`.execute(
    db,
  );
  return rows[0]?.may ?? false;
}

/** Reads the lineage of the server behind a handle. */
export type LineageReader = (db: ReadHandle | Kysely<AnyTables>) => Promise<Lineage>;

/** Caches whether the login may read the control file. */
export function lineageReader(): LineageReader {
  let statement: typeof withControlFile | undefined;
  return async (handle) => {
    const db = handle as Kysely<AnyTables>;
    statement ??= (await mayReadControlFile(db)) ? withControlFile : withoutControlFile;
    const { rows } = await statement.execute(db);
    return rows[0] as Lineage;
  };
}
