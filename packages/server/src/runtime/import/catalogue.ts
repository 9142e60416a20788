import { type Kysely, sql } from "kysely";
import type { AnyTables } from "#platform/database/database.ts";
import { allOf } from "#platform/database/many-rows.ts";

export interface Column {
  readonly name: string;
  /** In PostgreSQL's spelling: `xid8`, `character varying(255)`. */
  readonly type: string;
  readonly identity: boolean;
  readonly required: boolean;
  /** Computed by the database from others: never written. */
  readonly generated: boolean;
  readonly fallback: string | null;
}

export interface ForeignKey {
  readonly name: string;
  readonly to: string;
  readonly deferrable: boolean;
}

export interface Table {
  readonly name: string;
  readonly columns: readonly Column[];
  readonly foreignKeys: readonly ForeignKey[];
  /** The product's triggers that fire on an insert. */
  readonly triggers: readonly string[];
}

/** The tables of the migrations, which each database has itself. */
const bookkeeping = ["schema_steps", "schema_steps_lock", "schema_breaking"];

/** Every table of the product, from the database's catalogue, so that new modules are covered without a list. */
export async function readTables(db: Kysely<AnyTables>): Promise<readonly Table[]> {
  const { rows } = await sql<Table>`
    select c.relname as name,
      (select coalesce(jsonb_agg(jsonb_build_object('name', attname, 'type', format_type(atttypid, atttypmod),
          'identity', attidentity <> '', 'required', attnotnull, 'generated', attgenerated <> '',
          'fallback', case when attgenerated = '' then pg_get_expr(adbin, adrelid) end) order by attnum), '[]')
        from pg_attribute left join pg_attrdef on adrelid = attrelid and adnum = attnum
        where attrelid = c.oid and attnum > 0 and not attisdropped) as columns,
      (select coalesce(jsonb_agg(jsonb_build_object('name', k.conname, 'to', target.relname, 'deferrable', k.condeferrable)), '[]')
        from pg_constraint k join pg_class target on target.oid = k.confrelid
        where k.conrelid = c.oid and k.contype = 'f') as "foreignKeys",
      (select coalesce(jsonb_agg(tgname order by tgname), '[]')
        from pg_trigger where tgrelid = c.oid and not tgisinternal and tgenabled = 'O') as triggers
    from pg_class c
    where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
      and c.relname <> ${allOf(bookkeeping, "text")}
    order by c.relname`.execute(db);
  return rows;
}

/** The sequences of the product with their last value; null where none was used. */
export async function readSequences(db: Kysely<AnyTables>): Promise<ReadonlyMap<string, string | null>> {
  const { rows } = await sql<{ name: string; last: string | null }>`
    select sequencename as name, last_value::text as last from pg_sequences where schemaname = current_schema()`.execute(db);
  return new Map(rows.map(({ name, last }) => [name, last]));
}

/** The schema steps that a database has applied. */
export async function readSteps(db: Kysely<AnyTables>): Promise<readonly string[]> {
  const { rows: found } = await sql<{ present: boolean }>`select to_regclass('schema_steps') is not null as present`.execute(db);
  if (!found[0]?.present) return [];
  const { rows } = await sql<{ name: string }>`select name from schema_steps order by name`.execute(db);
  return rows.map(({ name }) => name);
}
