import { type Kysely, sql } from "kysely";
import type { AnyTables } from "./database.ts";
import { isOurs } from "./requirements.ts";
import { applicationRole } from "./scoped.ts";
import { quotedName } from "./session.ts";

/** Creates the role that a bypassing login steps down to, and makes the login its member. A login under row-level security needs none. */
export async function createApplicationRole(db: Kysely<AnyTables>): Promise<void> {
  const { rows } = await sql<{ bypasses: boolean; superuser: boolean }>`
    select rolsuper or rolbypassrls as bypasses, rolsuper as superuser from pg_roles where rolname = current_user`.execute(db);
  if (!rows[0]?.bypasses) return;
  // Roles belong to the whole cluster: another database's start may create it concurrently.
  await sql`do $$ begin
    if not exists (select from pg_roles where rolname = ${sql.lit(applicationRole)}) then
      create role ${sql.id(applicationRole)} nologin noinherit nobypassrls;
    end if;
  exception when duplicate_object or unique_violation then null;
  end $$`.execute(db);
  // A superuser may set any role; another login only roles that it is a member of.
  if (!rows[0].superuser) await joinApplicationRole(db);
  await ifApplicationRole(db, `grant usage on schema ${quotedName(await currentSchema(db))} to ${applicationRole}`);
}

async function joinApplicationRole(db: Kysely<AnyTables>): Promise<void> {
  await sql`do $$ begin
    perform pg_advisory_xact_lock(hashtext('gatehouse grants'));
    if not pg_has_role(${sql.lit(applicationRole)}, case when current_setting('server_version_num')::int >= 160000 then 'set' else 'member' end) then
      execute format('grant ${sql.raw(applicationRole)} to %I', current_user);
    end if;
  end $$`.execute(db);
}

/** The schema in which the product's tables are created. */
export async function currentSchema(db: Kysely<AnyTables>): Promise<string> {
  const { rows } = await sql<{ name: string | null }>`select current_schema() as name`.execute(db);
  return rows[0]?.name ?? "public";
}

/**
 * Grants the application role what the schema steps grant, if the role was created after them.
 * `withheld` lists privileges on a table that the role never gets.
 */
export async function grantApplication(db: Kysely<AnyTables>, withheld: Readonly<Record<string, string>>): Promise<void> {
  const schema = await currentSchema(db);
  await ifApplicationRole(db, `grant usage on schema ${quotedName(schema)} to ${applicationRole}`);
  const { rows } = await sql<{ name: string; granted: boolean }>`
    select c.relname as name, exists (select from aclexplode(c.relacl) acl join pg_roles r on r.oid = acl.grantee
        where r.rolname = ${applicationRole}) as granted
    from pg_class c join pg_namespace s on s.oid = c.relnamespace
    where s.nspname = ${schema} and c.relkind in ('r', 'p') and ${isOurs} order by 1`.execute(db);
  for (const { name } of rows.filter(({ granted }) => !granted)) {
    const table = `${quotedName(schema)}.${quotedName(name)}`;
    // The schema steps are read at each start, and written only by migrations.
    const rights = name.startsWith("schema_") ? "select" : "select, insert, update, delete";
    await ifApplicationRole(db, `grant ${rights} on ${table} to ${applicationRole}`);
    if (withheld[name] !== undefined) await ifApplicationRole(db, `revoke ${withheld[name]} on ${table} from ${applicationRole}`);
  }
}

/**
 * Runs a statement if the application role exists; a login that needs no such role has nothing to grant.
 * Serialized, because PostgreSQL rejects concurrent grants on one object ("tuple concurrently updated").
 */
export async function ifApplicationRole(db: Kysely<AnyTables>, statement: string): Promise<void> {
  await sql`do $$ begin
    perform pg_advisory_xact_lock(hashtext('gatehouse grants'));
    if exists (select from pg_roles where rolname = ${sql.lit(applicationRole)}) then ${sql.raw(statement)}; end if;
  end $$`.execute(db);
}
