import { type Kysely, sql } from "kysely";
import type { AnyTables } from "./database.ts";
import { isOurs } from "./requirements.ts";
import { applicationRole } from "./scoped.ts";
import { quotedName } from "./session.ts";

/** Makes the role that a bypassing login steps down to, and the login its member. A login that is held by row-level security needs none. */
export async function createApplicationRole(db: Kysely<AnyTables>): Promise<void> {
  const { rows } = await sql<{ bypasses: boolean; superuser: boolean }>`
    select rolsuper or rolbypassrls as bypasses, rolsuper as superuser from pg_roles where rolname = current_user`.execute(db);
  if (!rows[0]?.bypasses) return;
  // Roles belong to the whole cluster: another database's start may make it at the same moment.
  await sql`do $$ begin
    if not exists (select from pg_roles where rolname = ${sql.lit(applicationRole)}) then
      create role ${sql.id(applicationRole)} nologin noinherit nobypassrls;
    end if;
  exception when duplicate_object or unique_violation then null;
  end $$`.execute(db);
  // A superuser becomes any role; another login becomes those that it is a member of.
  if (!rows[0].superuser) await joinApplicationRole(db);
  await whereApplicationRole(db, `grant usage on schema ${quotedName(await currentSchema(db))} to ${applicationRole}`);
}

async function joinApplicationRole(db: Kysely<AnyTables>): Promise<void> {
  await sql`do $$ begin
    perform pg_advisory_xact_lock(hashtext('gatehouse grants'));
    if not pg_has_role(${sql.lit(applicationRole)}, case when current_setting('server_version_num')::int >= 160000 then 'set' else 'member' end) then
      execute format('grant ${sql.raw(applicationRole)} to %I', current_user);
    end if;
  end $$`.execute(db);
}

/** The schema that the product's tables are made in. */
export async function currentSchema(db: Kysely<AnyTables>): Promise<string> {
  const { rows } = await sql<{ name: string | null }>`select current_schema() as name`.execute(db);
  return rows[0]?.name ?? "public";
}

/**
 * Gives the application's role what the steps give it, where it was made after them: a login that only starts the server is its member.
 * `withheld` names the rights on a table that the role never has.
 */
export async function grantApplication(db: Kysely<AnyTables>, withheld: Readonly<Record<string, string>>): Promise<void> {
  const schema = await currentSchema(db);
  await whereApplicationRole(db, `grant usage on schema ${quotedName(schema)} to ${applicationRole}`);
  const { rows } = await sql<{ name: string; granted: boolean }>`
    select c.relname as name, exists (select from aclexplode(c.relacl) acl join pg_roles r on r.oid = acl.grantee
        where r.rolname = ${applicationRole}) as granted
    from pg_class c join pg_namespace s on s.oid = c.relnamespace
    where s.nspname = ${schema} and c.relkind in ('r', 'p') and ${isOurs} order by 1`.execute(db);
  for (const { name } of rows.filter(({ granted }) => !granted)) {
    const table = `${quotedName(schema)}.${quotedName(name)}`;
    // The steps are read at each start, and written by migrations alone.
    const rights = name.startsWith("schema_") ? "select" : "select, insert, update, delete";
    await whereApplicationRole(db, `grant ${rights} on ${table} to ${applicationRole}`);
    if (withheld[name] !== undefined) await whereApplicationRole(db, `revoke ${withheld[name]} on ${table} from ${applicationRole}`);
  }
}

/**
 * Runs a statement where the application role exists: on a login that needs none there is nothing to grant.
 * One at a time: of two grants on one object at the same moment PostgreSQL refuses the second ("tuple concurrently updated").
 */
export async function whereApplicationRole(db: Kysely<AnyTables>, statement: string): Promise<void> {
  await sql`do $$ begin
    perform pg_advisory_xact_lock(hashtext('gatehouse grants'));
    if exists (select from pg_roles where rolname = ${sql.lit(applicationRole)}) then ${sql.raw(statement)}; end if;
  end $$`.execute(db);
}
