import { type Kysely, sql } from "kysely";
import type { AnyTables } from "./database.ts";
import { applicationRole } from "./scoped.ts";
import { quotedName } from "./session.ts";

/** Something that a start needs of the database and does not find. */
export interface Unmet {
  /** What is missing, without a full stop. */
  readonly what: string;
  /** What mends it: a statement for who may run it, or a setting. */
  readonly remedy: string;
}

/** What the server, the database and the login are, as far as a start depends on it. */
export interface LoginFacts {
  readonly login: string;
  readonly version: number;
  readonly encoding: string;
  readonly standby: boolean;
  readonly replicationRole: string;
  readonly superuser: boolean;
  /** Whether row-level security does not hold the login itself. */
  readonly bypasses: boolean;
  readonly mayCreateRoles: boolean;
  readonly hasApplicationRole: boolean;
  /** Whether transactions of this login can step down to the application's role. */
  readonly maySetRole: boolean;
  /** Whether it can make itself a member of that role. */
  readonly mayJoinRole: boolean;
  readonly schemaPresent: boolean;
  readonly mayUseSchema: boolean;
  /** Whether it may change every table of ours that is there, and make others. */
  readonly mayChangeSchema: boolean;
  readonly mayReadSteps: boolean;
}

/** The oldest release that the product is tested on. */
const versionMin = 150_000;
/** From this release on, membership in a role and the right to become it are two things. */
const setOptionSince = 160_000;

export async function loginFacts(db: Kysely<AnyTables>, schema: string): Promise<LoginFacts> {
  const { rows: servers } = await sql<{ version: number }>`select current_setting('server_version_num')::int as version`.execute(db);
  const version = servers[0]?.version ?? 0;
  const asked = sql.lit(version >= setOptionSince ? "set" : "member");
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
      me.rolsuper or exists (select from role where pg_has_role(role.oid, ${asked})) as "maySetRole",
      me.rolsuper or ${joins} as "mayJoinRole",
      exists (select from home) as "schemaPresent",
      exists (select from home where has_schema_privilege(home.oid, 'usage')) as "mayUseSchema",
      exists (select from home where has_schema_privilege(home.oid, 'create'))
        and not exists (select from steps where not pg_has_role(steps.relowner, 'usage')) as "mayChangeSchema",
      not exists (select from steps where not has_table_privilege(steps.oid, 'select')) as "mayReadSteps"
    from pg_roles me where me.rolname = current_user`.execute(db);
  return rows[0] as LoginFacts;
}

/** What of the server and the database cannot be mended by rights. */
export function unmetByServer({ version, encoding, standby, replicationRole, login }: LoginFacts): readonly Unmet[] {
  return [
    ...(version >= versionMin ? [] : [{ what: "the server is older than PostgreSQL 15", remedy: "bring it to 15 or later" }]),
    ...(encoding === "UTF8"
      ? []
      : [
          { what: `the database's encoding is ${encoding}`, remedy: "make one with: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0" },
        ]),
    ...(standby ? [{ what: "the server is a standby, which takes no writes", remedy: "name the primary" }] : []),
    ...(replicationRole === "origin"
      ? []
      : [
          {
            what: `session_replication_role is ${replicationRole}, under which no foreign key and no trigger holds`,
            remedy: `ALTER ROLE ${quotedName(login)} RESET session_replication_role (or the same for the database)`,
          },
        ]),
  ];
}

/** What the login lacks before anything is asked of the schema. */
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
      what: `the schema ${quotedName(schema)} (DATABASE_SCHEMA) is not there`,
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

/** What a login lacks that must change the schema. */
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

/** Tables of a schema that are ours: those of the owner of the list of steps, where there is one. Others may keep tables beside them. */
export const isOurs = sql`c.relowner = coalesce((select steps.relowner from pg_class steps
  where steps.relname = 'schema_steps' and steps.relnamespace = c.relnamespace), c.relowner)`;

/** Rows of our tables are read and added to by the login, or by the role that it steps down to. */
export async function unmetByTables(db: Kysely<AnyTables>, facts: LoginFacts, schema: string): Promise<readonly Unmet[]> {
  const role = facts.bypasses && facts.hasApplicationRole ? applicationRole : facts.login;
  const { rows } = await sql<{ any: boolean }>`
    select exists (select from pg_class c join pg_namespace s on s.oid = c.relnamespace
      where s.nspname = ${schema} and c.relkind in ('r', 'p') and c.relname not like 'schema\\_%' and ${isOurs}
        and not (has_table_privilege(${role}, c.oid, 'select') and has_table_privilege(${role}, c.oid, 'insert'))) as any`.execute(db);
  return rows[0]?.any ? [withoutTables(quotedName(role), schema)] : [];
}
