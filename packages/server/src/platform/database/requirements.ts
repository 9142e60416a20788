import { type Kysely, sql } from "kysely";
import type { AnyTables } from "./database.ts";
import { applicationRole } from "./scoped.ts";
import { quotedName } from "./session.ts";

/** A requirement of a start that the database does not meet. */
export interface Unmet {
  /** What is missing, without a full stop. */
  readonly what: string;
  /** The remedy: a statement for a privileged login, or a setting. */
  readonly remedy: string;
}

/** Facts about the server, the database and the login on which a start depends. */
export interface LoginFacts {
  readonly login: string;
  readonly version: number;
  readonly encoding: string;
  readonly standby: boolean;
  readonly replicationRole: string;
  readonly superuser: boolean;
  /** Whether the login itself bypasses row-level security. */
  readonly bypasses: boolean;
  readonly mayCreateRoles: boolean;
  readonly hasApplicationRole: boolean;
  /** Whether transactions of this login can step down to the application role. */
  readonly maySetRole: boolean;
  /** Whether it can make itself a member of that role. */
  readonly mayJoinRole: boolean;
  readonly schemaPresent: boolean;
  readonly mayUseSchema: boolean;
  /** Whether it may change every existing table of the product, and create others. */
  readonly mayChangeSchema: boolean;
  readonly mayReadSteps: boolean;
}

/** The oldest PostgreSQL release that the product is tested on. */
const versionMin = 150_000;
/** From this release on, membership in a role and the right to set it are separate. */
const setOptionSince = 160_000;

export async function loginFacts(db: Kysely<AnyTables>, schema: string): Promise<LoginFacts> {
  const { rows: servers } = await sql<{ version: number }>`select current_setting('server_version_num')::int as version`.execute(db);
  const version = servers[0]?.version ?? 0;
  const privilege = sql.lit(version >= setOptionSince ? "set" : "member");
  const may = (right: string) => sql`exists (select from role where pg_has_role(role.oid, ${sql.lit(right)}))`;
  const joins = version >= setOptionSince ? may("member with admin option") : sql`(me.rolcreaterole or ${may("member with admin option")})`;
  const { rows } = await sql<LoginFacts>`
    with role as (select oid from pg_roles where rolname = ${applicationRole}),
      home as (select oid from pg_namespace where nspname = ${schema}),
      steps as (select c.oid, c.relowner from pg_class c join home on c.relnamespace = home.oid where c.relname = 'schema_steps')
    select me.rolname as login, ${sql.lit(version)} as version,
      (select pg_encoding_to_char(encoding) from pg_database where datname = current_database()) as encoding,
      pg_is_in_recovery() as standby, current_setting('session_replication_role') as "replicationRole",
      me.rolsuper as superuser, me.rolsuper or me.rolbypassrls as bypasses, me.rolsuper or me.rolcreaterole as "mayCreateRoles",
      exists (select from role) as "hasApplicationRole",
      me.rolsuper or exists (select from role where pg_has_role(role.oid, ${privilege})) as "maySetRole",
      me.rolsuper or ${joins} as "mayJoinRole",
      exists (select from home) as "schemaPresent",
      exists (select from home where has_schema_privilege(home.oid, 'usage')) as "mayUseSchema",
      exists (select from home where has_schema_privilege(home.oid, 'create'))
        and not exists (select from steps where not pg_has_role(steps.relowner, 'usage')) as "mayChangeSchema",
      not exists (select from steps where not has_table_privilege(steps.oid, 'select')) as "mayReadSteps"
    from pg_roles me where me.rolname = current_user`.execute(db);
  return rows[0] as LoginFacts;
}

/** Unmet requirements that no privilege can fix. */
export function unmetByServer({ version, encoding, standby, replicationRole, login }: LoginFacts): readonly Unmet[] {
  return [
    ...(version >= versionMin ? [] : [{ what: "the server is older than PostgreSQL 15", remedy: "bring it to 15 or later" }]),
    ...(encoding === "UTF8"
      ? []
      : [
          { what: `the database's encoding is ${encoding}`, remedy: "make one with: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0" },
        ]),
    ...(standby ? [{ what: "the server is a standby, which accepts no writes", remedy: "name the primary" }] : []),
    ...(replicationRole === "origin"
      ? []
      : [
          {
            what: `session_replication_role is ${replicationRole}, which disables foreign keys and triggers`,
            remedy: `ALTER ROLE ${quotedName(login)} RESET session_replication_role (or the same for the database)`,
          },
        ]),
  ];
}

/** Unmet requirements on the login, checked before the schema is read. */
export function unmetByLogin(facts: LoginFacts, schema: string): readonly Unmet[] {
  const login = quotedName(facts.login);
  const unmet: Unmet[] = [];
  if (facts.bypasses && !facts.maySetRole && !(facts.hasApplicationRole ? facts.mayJoinRole : facts.mayCreateRoles)) {
    unmet.push({
      what: `the login ${login} bypasses row-level security and cannot become ${applicationRole}`,
      remedy: `${facts.hasApplicationRole ? "" : `CREATE ROLE ${applicationRole} NOLOGIN; `}GRANT ${applicationRole} TO ${login}`,
    });
  }
  if (!facts.schemaPresent) {
    unmet.push({
      what: `the schema ${quotedName(schema)} (DATABASE_SCHEMA) does not exist`,
      remedy: `CREATE SCHEMA ${quotedName(schema)} AUTHORIZATION ${login}`,
    });
  } else if (!facts.mayUseSchema) {
    unmet.push({
      what: `the login ${login} may not use the schema ${quotedName(schema)}`,
      remedy: `GRANT USAGE ON SCHEMA ${quotedName(schema)} TO ${login}`,
    });
  } else if (!facts.mayReadSteps) unmet.push(withoutTables(login, schema));
  return unmet;
}

/** The unmet requirement of a login that must change the schema and may not. */
export const mayNotChange = ({ login }: LoginFacts, schema: string, steps: number): Unmet => ({
  what: `${steps} steps of the schema are pending, and the login ${quotedName(login)} may not change the schema ${quotedName(schema)}`,
  remedy:
    `run \`gatehouse migrate\` with a login that may, or GRANT USAGE, CREATE ON SCHEMA ${quotedName(schema)} TO ${quotedName(login)}, ` +
    "or name a schema of its own in DATABASE_SCHEMA",
});

const withoutTables = (login: string, schema: string): Unmet => ({
  what: `the login ${login} has no rights on tables of the schema ${quotedName(schema)}`,
  remedy: `GRANT ${applicationRole} TO ${login}, and run \`gatehouse migrate\` with the tables' owner where that does not help`,
});

/** The product's tables in a schema: those of the owner of `schema_steps`, if it exists. Others may have tables in the same schema. */
export const isOurs = sql`c.relowner = coalesce((select steps.relowner from pg_class steps
  where steps.relname = 'schema_steps' and steps.relnamespace = c.relnamespace), c.relowner)`;

/** Checks that the login, or the role that it steps down to, may read and insert rows of the product's tables. */
export async function unmetByTables(db: Kysely<AnyTables>, facts: LoginFacts, schema: string): Promise<readonly Unmet[]> {
  const role = facts.bypasses && facts.hasApplicationRole ? applicationRole : facts.login;
  const { rows } = await sql<{ any: boolean }>`
    select exists (select from pg_class c join pg_namespace s on s.oid = c.relnamespace
      where s.nspname = ${schema} and c.relkind in ('r', 'p') and c.relname not like 'schema\\_%' and ${isOurs}
        and not (has_table_privilege(${role}, c.oid, 'select') and has_table_privilege(${role}, c.oid, 'insert'))) as any`.execute(db);
  return rows[0]?.any ? [withoutTables(quotedName(role), schema)] : [];
}
