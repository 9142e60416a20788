import { type Kysely, sql } from "kysely";
import { type Migration, Migrator } from "kysely/migration";
import { StartRefused } from "../start-refused.ts";
import { currentSchema, ifApplicationRole } from "./application-role.ts";
import type { AnyTables } from "./database.ts";
import { applicationRole } from "./scoped.ts";

export { createApplicationRole, ifApplicationRole } from "./application-role.ts";

/**
 * One forward step of the schema. Immutable once released, one purpose, additive where it can be;
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

/** The database was migrated by a newer release with a breaking step. This release must not run on it. */
export class NewerSchema extends StartRefused {
  constructor(steps: readonly string[]) {
    super(`The database was migrated by a newer release that this one cannot run on (${steps.join(", ")}). Start the newer release.`);
    this.name = "NewerSchema";
  }
}

export interface MigrationReport {
  readonly applied: readonly string[];
  readonly alreadyCurrent: boolean;
}

/** The key of Kysely's own lock, which older releases take per session: both locks exclude each other. */
const migrationLock = sql.lit(3_853_314_791_062_309_107n);

/**
 * Migrates the schema to the newest step. Changes nothing if it is current, so a login without the right to change it suffices then.
 * Two processes may call it concurrently: a transaction lock serializes them, also behind a pooler that assigns
 * each transaction another connection. Rejects a database that was migrated by a newer breaking release.
 */
export async function migrate(db: Kysely<AnyTables>, steps: readonly SchemaStep[]): Promise<MigrationReport> {
  await refuseNewerBreakingSchema(db, steps);
  if ((await pendingSteps(db, steps)).length === 0) return { applied: [], alreadyCurrent: true };
  return db.transaction().execute(async (tx) => {
    await sql`select pg_advisory_xact_lock(${migrationLock})`.execute(tx);
    // Another process may have applied steps meanwhile.
    await refuseNewerBreakingSchema(tx, steps);
    const unknown = await unknownSteps(tx, steps);
    const migrator = new Migrator({
      db: tx,
      migrationTableSchema: await currentSchema(tx),
      migrationTableName: "schema_steps",
      migrationLockTableName: "schema_steps_lock",
      // A step that an older binary does not know is a newer additive one, and the older binary may run on it.
      allowUnorderedMigrations: true,
      provider: { getMigrations: async () => asMigrations([...steps, ...unknown]) },
    });
    const { error, results } = await migrator.migrateToLatest();
    if (error) throw error;
    const applied = (results ?? []).map((result) => result.migrationName);
    return { applied, alreadyCurrent: applied.length === 0 };
  });
}

/** The steps that have not been applied to a database yet. */
export async function pendingSteps(db: Kysely<AnyTables>, steps: readonly SchemaStep[]): Promise<readonly string[]> {
  const applied = new Set(await appliedSteps(db));
  return steps.map((step) => step.name).filter((name) => !applied.has(name));
}

async function appliedSteps(db: Kysely<AnyTables>): Promise<readonly string[]> {
  if (!(await isPresent(db, "schema_steps"))) return [];
  const { rows } = await sql<{ name: string }>`select name from schema_steps order by name`.execute(db);
  return rows.map((row) => row.name);
}

/** Reads the catalog by the statement's snapshot: `to_regclass` would read a cache that is stale after a wait for the lock. */
async function isPresent(db: Kysely<AnyTables>, table: string): Promise<boolean> {
  const { rows } = await sql<{ present: boolean }>`
    select exists (select from pg_tables where schemaname = current_schema() and tablename = ${table}) as present`.execute(db);
  return rows[0]?.present ?? false;
}

async function refuseNewerBreakingSchema(db: Kysely<AnyTables>, steps: readonly SchemaStep[]): Promise<void> {
  if (!(await isPresent(db, "schema_breaking"))) return;
  const known = new Set(steps.map((step) => step.name));
  const { rows } = await sql<{ name: string }>`select name from schema_breaking`.execute(db);
  const unknown = rows.map((row) => row.name).filter((name) => !known.has(name));
  if (unknown.length > 0) throw new NewerSchema(unknown);
}

/** Kysely rejects a database with an unknown step, so newer additive steps are passed to it as no-ops. */
async function unknownSteps(db: Kysely<AnyTables>, steps: readonly SchemaStep[]): Promise<readonly SchemaStep[]> {
  const known = new Set(steps.map((step) => step.name));
  const newer = (await appliedSteps(db)).filter((name) => !known.has(name));
  return newer.map((name) => ({ name, why: "applied by a newer release", up: async () => {} }));
}

const asMigrations = (steps: readonly SchemaStep[]): Record<string, Migration> =>
  Object.fromEntries(steps.map((step) => [step.name, { up: (db: Kysely<AnyTables>) => apply(db, step) }]));

async function apply(db: Kysely<AnyTables>, step: SchemaStep): Promise<void> {
  // A step changes every tenant's rows; a login under row-level security would otherwise see none.
  await sql`select set_config('app.tenant', '*', true)`.execute(db);
  await step.up(db);
  if (!step.breaking) return;
  // In the step's transaction, so that no crash leaves a breaking schema that an older binary would accept.
  await sql`create table if not exists schema_breaking (name text primary key)`.execute(db);
  await sql`insert into schema_breaking (name) values (${step.name}) on conflict do nothing`.execute(db);
}

/** How a table's rows are assigned to tenants. */
export interface TenantRule {
  /** The column with the organization's id; NULL for a row of the internal scope. */
  readonly tenant: string;
  /**
   * The column with the person that the row belongs to, if that person may see it in any tenant. To change it, the
   * call must act in the row's tenant or for the person alone, or the row must have no tenant.
   */
  readonly owner?: string;
  /** Append-only: any scope may append a row without a tenant, but does not see it. */
  readonly journal?: boolean;
}

/**
 * Which rows the transaction's tenant may see. For a `case`, the planner estimates that half of the rows are visible, whatever the
 * tenant. For an `or` of the three it estimates one row in a hundred, and then scans whole tables where a limit and an index
 * would suffice. No form of it uses an index: the statement's own predicate does (tenant-predicate.ts).
 */
const tenantQualifier = (tenant: string) => {
  const column = sql.ref(tenant);
  return sql`case (select current_setting('app.tenant', true)) when '*' then true when 'internal' then ${column} is null
    else ${column} = (select case when current_setting('app.tenant', true) ~ '^[0-9a-fA-F-]{36}$' then current_setting('app.tenant', true)::uuid end)
    end`;
};

/** The schema step for tables of an earlier release, whose policy was an `or`. */
export const tenantPolicySteps: readonly SchemaStep[] = [
  {
    name: "0140_platform_tenant_policies",
    why: "better planner estimates for tenant policies: decision 0033",
    async up(db) {
      const { rows } = await sql<{ table: string }>`select tablename as table from pg_policies
        where policyname = 'tenant' and schemaname = current_schema() order by tablename`.execute(db);
      for (const { table } of rows) {
        const column = table === "organizations" ? "id" : "organization_id";
        await sql`alter policy tenant on ${sql.table(table)} using (${tenantQualifier(column)})`.execute(db);
      }
    },
  },
];

/**
 * Puts a tenant table under row-level security, forced so that it also applies to the table's owner.
 * The settings are read in sub-selects, so that each is evaluated once per statement.
 */
export async function tenantTable(db: Kysely<AnyTables>, table: string, rule: TenantRule): Promise<void> {
  const column = sql.ref(rule.tenant);
  const on = sql.table(table);
  await sql`alter table ${on} enable row level security`.execute(db);
  await sql`alter table ${on} force row level security`.execute(db);
  await sql`create policy tenant on ${on} using (${tenantQualifier(rule.tenant)})`.execute(db);
  if (rule.owner) {
    const own = sql`${sql.ref(rule.owner)} = (select nullif(current_setting('app.user', true), '')::uuid)`;
    // Visible in every tenant, but ownership alone does not allow a write from one tenant into another.
    const ownHere = sql`${own} and (${column} is null or (select current_setting('app.tenant', true)) = 'none')`;
    await sql`create policy own_rows on ${on} for select using (${own})`.execute(db);
    await sql`create policy own_insert on ${on} for insert with check (${ownHere})`.execute(db);
    await sql`create policy own_update on ${on} for update using (${ownHere})`.execute(db);
    await sql`create policy own_delete on ${on} for delete using (${ownHere})`.execute(db);
  }
  if (rule.journal) await sql`create policy journal on ${on} for insert with check (${column} is null)`.execute(db);
  await grantToApplication(db, table);
}

/** A table without tenants. If it has a tenant column, add its name and the reason to `tablesOfNoTenant`. */
export async function sharedTable(db: Kysely<AnyTables>, table: string): Promise<void> {
  await grantToApplication(db, table);
}

async function grantToApplication(db: Kysely<AnyTables>, table: string): Promise<void> {
  await ifApplicationRole(db, `grant select, insert, update, delete on ${table} to ${applicationRole}`);
}
