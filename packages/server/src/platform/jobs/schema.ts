import { type Kysely, sql } from "kysely";
import type { AnyTables } from "../database/database.ts";
import { whereApplicationRole } from "../database/migrations.ts";
import { applicationRole } from "../database/scoped.ts";

/** Where the job queue has its tables: a schema of its own, whichever the product's is. */
export const jobsSchema = "jobs";

/** The queue's schema as this login finds it. */
export interface JobsSchemaState {
  readonly present: boolean;
  /** Whether this login may make it, or bring it to another version. */
  readonly mayChange: boolean;
}

export async function jobsSchemaState(db: Kysely<AnyTables>): Promise<JobsSchemaState> {
  const { rows } = await sql<JobsSchemaState>`
    select s.oid is not null as present,
      case when s.oid is null then has_database_privilege(current_database(), 'create')
        else has_schema_privilege(s.oid, 'create') and not exists (select from pg_class c
          where c.relnamespace = s.oid and c.relkind in ('r', 'p') and not pg_has_role(c.relowner, 'usage')) end as "mayChange"
    from (select) one left join pg_namespace s on s.nspname = ${jobsSchema}`.execute(db);
  return rows[0] as JobsSchemaState;
}

/** Lets the application's role work with the queue's tables, where there is such a role. */
export async function grantJobs(db: Kysely<AnyTables>): Promise<void> {
  await whereApplicationRole(db, `grant usage on schema ${jobsSchema} to ${applicationRole}`);
  await whereApplicationRole(db, `grant select, insert, update, delete on all tables in schema ${jobsSchema} to ${applicationRole}`);
}
