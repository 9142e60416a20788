import { createRequire } from "node:module";
import { type Kysely, sql } from "kysely";
import { ifApplicationRole } from "../database/application-role.ts";
import type { AnyTables } from "../database/database.ts";
import { type LoginFacts, type Unmet, unmetByTables } from "../database/requirements.ts";
import { applicationRole } from "../database/scoped.ts";
import { quotedName } from "../database/session.ts";

/** The separate schema of the job queue's tables, whatever the product's schema is. */
export const jobsSchema = "jobs";

/** The state of the queue's schema for this login. */
export interface JobsSchemaState {
  readonly present: boolean;
  /** Whether this login may create or migrate it. */
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

/** The version of the queue's schema that this release's pg-boss needs. */
const versionNeeded: number = createRequire(import.meta.url)("pg-boss/package.json").pgboss.schema;

/** Whether the queue's schema exists in the version that this release needs. Needs the privilege to read it. */
export async function isJobsSchemaCurrent(db: Kysely<AnyTables>): Promise<boolean> {
  const { rows: tables } = await sql<{ present: boolean }>`
    select exists (select from pg_tables where schemaname = ${jobsSchema} and tablename = 'version') as present`.execute(db);
  if (!tables[0]?.present) return false;
  const { rows } = await sql<{ version: number }>`select version from ${sql.table(`${jobsSchema}.version`)}`.execute(db);
  return (rows[0]?.version ?? 0) >= versionNeeded;
}

/** Unmet requirements of the job queue on the login. */
export async function unmetByJobs(db: Kysely<AnyTables>, facts: LoginFacts): Promise<readonly Unmet[]> {
  const { present, mayChange } = await jobsSchemaState(db);
  if (mayChange) return [];
  const login = quotedName(facts.login);
  if (!present) {
    return [
      {
        what: `the login ${login} may not make the schema ${jobsSchema} of the job queue`,
        remedy: `CREATE SCHEMA ${jobsSchema} AUTHORIZATION ${login}, or run \`gatehouse migrate\` with a login that may`,
      },
    ];
  }
  const { rows } = await sql<{ may: boolean }>`select has_schema_privilege(${jobsSchema}, 'usage') as may`.execute(db);
  if (!rows[0]?.may)
    return [{ what: `the login ${login} may not use the schema ${jobsSchema}`, remedy: `GRANT ${applicationRole} TO ${login}` }];
  // The queue's statements run as the login itself.
  const tables = await unmetByTables(db, { ...facts, bypasses: false }, jobsSchema);
  if (tables.length > 0 || (await isJobsSchemaCurrent(db))) return tables;
  return [
    {
      what: `the job queue's tables are of another version, and the login ${login} may not change the schema ${jobsSchema}`,
      remedy: "run `gatehouse migrate` with a login that may",
    },
  ];
}

/** Grants the application role access to the queue's tables, if the role exists. */
export async function grantJobs(db: Kysely<AnyTables>): Promise<void> {
  await ifApplicationRole(db, `grant usage on schema ${jobsSchema} to ${applicationRole}`);
  await ifApplicationRole(db, `grant select, insert, update, delete on all tables in schema ${jobsSchema} to ${applicationRole}`);
}
