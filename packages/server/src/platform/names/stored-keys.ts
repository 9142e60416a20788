import { type Kysely, type RawBuilder, sql } from "kysely";
import type { AnyTables, WriteHandle } from "../database/database.ts";
import { asRows } from "../database/many-rows.ts";

/** A column with the keys of names, unique in its scope. Rows without a key were written by an older release, or yield to the key's owner. */
export interface KeyColumn<Key extends string = string> {
  readonly table: string;
  /** The column with the names. */
  readonly of: string;
  /** The column with the keys. `<key>_holder` is the id of the row that owns a row's key; null if the row owns it itself. */
  readonly key: Key;
  /** The column that limits uniqueness, if names are not unique over all rows. */
  readonly scope?: string;
  /** A boolean column; rows where it is true keep their key in preference to others. */
  readonly first?: string;
  keyOf(name: string): string;
}

/** A row as the fill reads it. */
interface Named {
  readonly id: string;
  readonly name: string;
  readonly scope: string | null;
}

const rowsAtOnce = 1_000;

/**
 * Adds the columns and fills them, for a schema step. Of rows whose names share a key, the oldest gets it; the others stay without
 * a key and refer to that row.
 */
export async function addKeyColumn(db: Kysely<AnyTables>, column: KeyColumn): Promise<void> {
  const { table, of, key, scope, first, keyOf } = column;
  const holderColumn = `${key}_holder`;
  await sql`alter table ${sql.table(table)} add column ${sql.ref(key)} text, add column ${sql.ref(holderColumn)} uuid`.execute(db);
  const { rows } = await sql<Named>`select id, ${sql.ref(of)} as name, ${scope ? sql.ref(scope) : sql`null`} as scope
    from ${sql.table(table)} order by ${first ? sql`${sql.ref(first)} desc, ` : sql``}created_at, id`.execute(db);
  const holders = new Map<string, string>();
  const filled = rows.map((row) => {
    const own = keyOf(row.name);
    const scopedKey = JSON.stringify([row.scope, own]);
    const holder = holders.get(scopedKey);
    if (holder === undefined && own !== "") holders.set(scopedKey, row.id);
    return { id: row.id, key: holder === undefined && own !== "" ? own : null, holder: holder ?? null };
  });
  for (let from = 0; from < filled.length; from += rowsAtOnce) {
    const batch = asRows({ id: "uuid", key: "text", holder: "uuid" }, filled.slice(from, from + rowsAtOnce));
    await sql`update ${sql.table(table)} t set ${sql.ref(key)} = given.key, ${sql.ref(holderColumn)} = given.holder
      from ${batch} where t.id = given.id`.execute(db);
  }
  const columns = scope ? sql`${sql.ref(key)}, ${sql.ref(scope)}` : sql.ref(key);
  await sql`create unique index ${sql.ref(confusableIndex(column))} on ${sql.table(table)} (${columns}) nulls not distinct
    where ${sql.ref(key)} is not null`.execute(db);
}

const confusableIndex = ({ table, of }: Pick<KeyColumn, "table" | "of">): string => `idx_${table}_confusable_${of}`;

/** The rule that a violated unique index of a name enforces: no equal name, or no confusable one. */
export const takenRule = (index: string) =>
  index.includes("_confusable_") ? { rule: "confusable", message: "looks like one that is taken" } : { rule: "taken", message: "is taken" };

/** The key of a new row, as its column. */
export const newKey = <Key extends string>({ key, keyOf }: KeyColumn<Key>, name: string) =>
  ({ [key]: keyOf(name) || null }) as { [Column in Key]: string | null };

/** The columns of an updated row: if its name is unchanged, so is its key. */
export function changedKey<Key extends string>({ of, key, keyOf }: KeyColumn<Key>, name: string) {
  const isUnchanged = sql`${sql.ref(of)} = ${name}`;
  return {
    [key]: sql<string | null>`case when ${isUnchanged} then ${sql.ref(key)} else ${keyOf(name) || null} end`,
    [`${key}_holder`]: sql<string | null>`case when ${isUnchanged} then ${sql.ref(`${key}_holder`)} end`,
  } as { [Column in Key | `${Key}_holder`]: RawBuilder<string | null> };
}

/** Assigns a key to one of the product's own rows; its previous owner refers to that row. */
export async function takeKey(tx: WriteHandle, column: KeyColumn, name: string, id: string): Promise<void> {
  const { table, key, scope, keyOf } = column;
  const inScope = scope ? sql`and ${sql.ref(scope)} is null` : sql``;
  await sql`update ${sql.table(table)} set ${sql.ref(key)} = null, ${sql.ref(`${key}_holder`)} = ${id}
    where ${sql.ref(key)} = ${keyOf(name)} ${inScope}`.execute(tx);
}
