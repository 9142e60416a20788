import { type Kysely, sql } from "kysely";
import { type Migration, Migrator } from "kysely/migration";
import type { AnyTables } from "./database.ts";
import { applicationRole } from "./scoped.ts";

/**
 * One forward step of the schema (STYLE 15). Immutable once released, one purpose, additive where it can be;
 * `breaking` marks one after which an older binary must not run.
 */
export interface SchemaStep {
  /** `NNNN_module_what`: the number orders steps over all modules. */
  readonly name: string;
  /** Why the step exists. */
  readonly why: string;
  readonly breaking?: boolean;
  up(db: Kysely<AnyTables>): Promise<void>;
}

export interface MigrationReport {
  readonly applied: readonly string[];
  readonly alreadyCurrent: boolean;
}

/**
 * Brings the schema to the newest step. Two processes may call it at once: Kysely's lock lets one work while the
 * other waits. A database that a newer, breaking release has migrated is refused.
 */
export async function migrate(db: Kysely<AnyTables>, steps: readonly SchemaStep[]): Promise<MigrationReport> {
  await refuseNewerBreakingSchema(db, steps);
  const migrator = new Migrator({
    db,
    migrationTableName: "schema_steps",
    migrationLockTableName: "schema_steps_lock",
    // A step that an older binary does not know is a newer additive one, and the older binary may run on it.
    allowUnorderedMigrations: true,
    provider: { getMigrations: async () => asMigrations(await withUnknownSteps(db, steps)) },
  });
  const { error, results } = await migrator.migrateToLatest();
  if (error) throw error;
  const applied = (results ?? []).map((result) => result.migrationName);
  await recordBreaking(db, steps);
  return { applied, alreadyCurrent: applied.length === 0 };
}

/** The steps that a database has not taken yet. */
export async function pendingSteps(db: Kysely<AnyTables>, steps: readonly SchemaStep[]): Promise<readonly string[]> {
  const taken = new Set(await takenSteps(db));
  return steps.map((step) => step.name).filter((name) => !taken.has(name));
}

async function takenSteps(db: Kysely<AnyTables>): Promise<readonly string[]> {
  const { rows: found } = await sql<{ present: boolean }>`select to_regclass('schema_steps') is not null as present`.execute(db);
  if (!found[0]?.present) return [];
  const { rows } = await sql<{ name: string }>`select name from schema_steps order by name`.execute(db);
  return rows.map((row) => row.name);
}

async function refuseNewerBreakingSchema(db: Kysely<AnyTables>, steps: readonly SchemaStep[]): Promise<void> {
  const { rows: found } = await sql<{ present: boolean }>`select to_regclass('schema_breaking') is not null as present`.execute(db);
  if (!found[0]?.present) return;
  const known = new Set(steps.map((step) => step.name));
  const { rows } = await sql<{ name: string }>`select name from schema_breaking`.execute(db);
  const unknown = rows.map((row) => row.name).filter((name) => !known.has(name));
  if (unknown.length > 0) {
    throw new Error(
      `The database was migrated by a newer release that this one cannot run on (${unknown.join(", ")}). Start the newer release.`,
    );
  }
}

async function recordBreaking(db: Kysely<AnyTables>, steps: readonly SchemaStep[]): Promise<void> {
  await sql`create table if not exists schema_breaking (name text primary key)`.execute(db);
  for (const step of steps.filter((candidate) => candidate.breaking)) {
    await sql`insert into schema_breaking (name) values (${step.name}) on conflict do nothing`.execute(db);
  }
}

/** Kysely refuses a database with a step that it is not told of; a newer additive one is told of as a no-op. */
async function withUnknownSteps(db: Kysely<AnyTables>, steps: readonly SchemaStep[]): Promise<readonly SchemaStep[]> {
  const known = new Set(steps.map((step) => step.name));
  const newer = (await takenSteps(db)).filter((name) => !known.has(name));
  return [...steps, ...newer.map((name) => ({ name, why: "taken by a newer release", up: async () => {} }))];
}

const asMigrations = (steps: readonly SchemaStep[]): Record<string, Migration> =>
  Object.fromEntries(steps.map((step) => [step.name, { up: step.up }]));

/** Makes the role that a bypassing login steps down to. A login that is held by row-level security needs none. */
export async function createApplicationRole(db: Kysely<AnyTables>): Promise<void> {
  const { rows } = await sql<{ bypasses: boolean }>`
    select rolsuper or rolbypassrls as bypasses from pg_roles where rolname = current_user`.execute(db);
  if (!rows[0]?.bypasses) return;
  // Roles belong to the whole cluster: another database's start may make it at the same moment.
  await sql`do $$ begin
    if not exists (select from pg_roles where rolname = ${sql.lit(applicationRole)}) then
      create role ${sql.id(applicationRole)} nologin noinherit nobypassrls;
    end if;
  exception when duplicate_object or unique_violation then null;
  end $$`.execute(db);
  await sql`grant usage on schema public to ${sql.id(applicationRole)}`.execute(db);
}

/** How a table's rows are told apart by tenant. */
export interface TenantRule {
  /** The column with the organization's id; a NULL in it marks a row of the internal scope. */
  readonly tenant: string;
  /** The column with the person that the row belongs to, where that person may see it in any tenant. */
  readonly owner?: string;
}

/**
 * Puts a tenant table under row-level security, forced so that the table's owner is held too (DESIGN, idea 7).
 * The settings are read in sub-selects, so that the planner takes each once a statement and still uses the index.
 */
export async function tenantTable(db: Kysely<AnyTables>, table: string, rule: TenantRule): Promise<void> {
  const column = sql.ref(rule.tenant);
  const ownerSees = rule.owner ? sql`or ${sql.ref(rule.owner)} = (select nullif(current_setting('app.user', true), '')::uuid)` : sql``;
  await sql`alter table ${sql.table(table)} enable row level security`.execute(db);
  await sql`alter table ${sql.table(table)} force row level security`.execute(db);
  await sql`create policy tenant on ${sql.table(table)} using (
    ${column} = (select case when current_setting('app.tenant', true) ~ '^[0-9a-fA-F-]{36}$' then current_setting('app.tenant', true)::uuid end)
    or (${column} is null and (select current_setting('app.tenant', true)) = 'internal')
    or (select current_setting('app.tenant', true)) = '*'
    ${ownerSees})`.execute(db);
  await grantToApplication(db, table);
}

/** A table of no tenant. Its name and the reason belong into `tablesOfNoTenant` when it has a tenant's column. */
export async function sharedTable(db: Kysely<AnyTables>, table: string): Promise<void> {
  await grantToApplication(db, table);
}

async function grantToApplication(db: Kysely<AnyTables>, table: string): Promise<void> {
  await whereApplicationRole(db, `grant select, insert, update, delete on ${table} to ${applicationRole}`);
}

/** Runs a statement where the application role exists: on a login that needs none there is nothing to grant. */
export async function whereApplicationRole(db: Kysely<AnyTables>, statement: string): Promise<void> {
  await sql`do $$ begin
    if exists (select from pg_roles where rolname = ${sql.lit(applicationRole)}) then ${sql.raw(statement)}; end if;
  end $$`.execute(db);
}
