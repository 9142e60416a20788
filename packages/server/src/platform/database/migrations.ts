import { type Kysely, sql } from "kysely";
import { type Migration, Migrator } from "kysely/migration";
import { StartRefused } from "../start-refused.ts";
import { currentSchema, whereApplicationRole } from "./application-role.ts";
import type { AnyTables } from "./database.ts";
import { applicationRole } from "./scoped.ts";

export { createApplicationRole, whereApplicationRole } from "./application-role.ts";

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

/** The key of Kysely's own lock, which older releases take for a session: theirs and ours keep each other waiting. */
const migrationLock = sql.lit(3_853_314_791_062_309_107n);

/**
 * Brings the schema to the newest step, and changes nothing where it is there: then a login without rights to change it will do.
 * Two processes may call it at once: a lock for the transaction lets one work while the other waits, also behind a pooler that gives
 * each transaction another connection. A database that a newer, breaking release has migrated is refused.
 */
export async function migrate(db: Kysely<AnyTables>, steps: readonly SchemaStep[]): Promise<MigrationReport> {
  await refuseNewerBreakingSchema(db, steps);
  if ((await pendingSteps(db, steps)).length === 0) return { applied: [], alreadyCurrent: true };
  return db.transaction().execute(async (tx) => {
    await sql`select pg_advisory_xact_lock(${migrationLock})`.execute(tx);
    // Another process may have taken steps meanwhile.
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

/** The steps that a database has not taken yet. */
export async function pendingSteps(db: Kysely<AnyTables>, steps: readonly SchemaStep[]): Promise<readonly string[]> {
  const taken = new Set(await takenSteps(db));
  return steps.map((step) => step.name).filter((name) => !taken.has(name));
}

async function takenSteps(db: Kysely<AnyTables>): Promise<readonly string[]> {
  if (!(await isPresent(db, "schema_steps"))) return [];
  const { rows } = await sql<{ name: string }>`select name from schema_steps order by name`.execute(db);
  return rows.map((row) => row.name);
}

/** Reads the catalogue by the statement's snapshot: `to_regclass` would ask a cache that a transaction which waited has not renewed. */
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

/** Kysely refuses a database with a step that it is not told of; a newer additive one is told of as a no-op. */
async function unknownSteps(db: Kysely<AnyTables>, steps: readonly SchemaStep[]): Promise<readonly SchemaStep[]> {
  const known = new Set(steps.map((step) => step.name));
  const newer = (await takenSteps(db)).filter((name) => !known.has(name));
  return newer.map((name) => ({ name, why: "taken by a newer release", up: async () => {} }));
}

const asMigrations = (steps: readonly SchemaStep[]): Record<string, Migration> =>
  Object.fromEntries(steps.map((step) => [step.name, { up: (db: Kysely<AnyTables>) => take(db, step) }]));

async function take(db: Kysely<AnyTables>, step: SchemaStep): Promise<void> {
  // A step serves every tenant; a login that is held by row-level security would otherwise fill in no row.
  await sql`select set_config('app.tenant', '*', true)`.execute(db);
  await step.up(db);
  if (!step.breaking) return;
  // With the step itself, so that no crash leaves a broken schema that an older binary does not know as one.
  await sql`create table if not exists schema_breaking (name text primary key)`.execute(db);
  await sql`insert into schema_breaking (name) values (${step.name}) on conflict do nothing`.execute(db);
}

/** How a table's rows are told apart by tenant. */
export interface TenantRule {
  /** The column with the organization's id; a NULL in it marks a row of the internal scope. */
  readonly tenant: string;
  /**
   * The column with the person that the row belongs to, where that person may see it in any tenant. To change it, the
   * call acts in the row's tenant or for the person alone, or the row is of no tenant.
   */
  readonly owner?: string;
  /** Only ever added to: whatever the scope, a row of no tenant may be appended, and is not seen by it. */
  readonly journal?: boolean;
}

/**
 * Which rows the transaction's tenant may see. A `case`, because the planner takes half of the rows for visible then, whatever the
 * tenant: it takes an `or` of the three for one row in a hundred, and with that estimate reads whole tables where a limit and an index
 * would do. No form of it uses an index: the statement's own predicate does (tenant-predicate.ts).
 */
const tenantQualifier = (tenant: string) => {
  const column = sql.ref(tenant);
  return sql`case (select current_setting('app.tenant', true)) when '*' then true when 'internal' then ${column} is null
    else ${column} = (select case when current_setting('app.tenant', true) ~ '^[0-9a-fA-F-]{36}$' then current_setting('app.tenant', true)::uuid end)
    end`;
};

/** The schema's step for tables of an earlier release, whose policy was an `or`. */
export const tenantPolicySteps: readonly SchemaStep[] = [
  {
    name: "0140_platform_tenant_policies",
    why: "the planner's estimate of what a tenant's policy lets through: decision 0033",
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
 * Puts a tenant table under row-level security, forced so that the table's owner is held too.
 * The settings are read in sub-selects, so that each is evaluated once a statement.
 */
export async function tenantTable(db: Kysely<AnyTables>, table: string, rule: TenantRule): Promise<void> {
  const column = sql.ref(rule.tenant);
  const on = sql.table(table);
  await sql`alter table ${on} enable row level security`.execute(db);
  await sql`alter table ${on} force row level security`.execute(db);
  await sql`create policy tenant on ${on} using (${tenantQualifier(rule.tenant)})`.execute(db);
  if (rule.owner) {
    const own = sql`${sql.ref(rule.owner)} = (select nullif(current_setting('app.user', true), '')::uuid)`;
    // Seen everywhere, but ownership alone carries no write from one tenant into another.
    const ownHere = sql`${own} and (${column} is null or (select current_setting('app.tenant', true)) = 'none')`;
    await sql`create policy own_rows on ${on} for select using (${own})`.execute(db);
    await sql`create policy own_insert on ${on} for insert with check (${ownHere})`.execute(db);
    await sql`create policy own_update on ${on} for update using (${ownHere})`.execute(db);
    await sql`create policy own_delete on ${on} for delete using (${ownHere})`.execute(db);
  }
  if (rule.journal) await sql`create policy journal on ${on} for insert with check (${column} is null)`.execute(db);
  await grantToApplication(db, table);
}

/** A table of no tenant. Its name and the reason belong into `tablesOfNoTenant` when it has a tenant's column. */
export async function sharedTable(db: Kysely<AnyTables>, table: string): Promise<void> {
  await grantToApplication(db, table);
}

async function grantToApplication(db: Kysely<AnyTables>, table: string): Promise<void> {
  await whereApplicationRole(db, `grant select, insert, update, delete on ${table} to ${applicationRole}`);
}
