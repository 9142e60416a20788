import { type RawBuilder, sql } from "kysely";
import type { AnyTables, Database, WriteHandle } from "../database/database.ts";
import { everyTenant } from "../database/database.ts";
import { type EncryptedField, nameOf, purposeOf } from "./encrypted-field.ts";
import { type KeyRing, unnamedKey } from "./keys.ts";

/** Limits a transaction to a second, so that row locks are short and a kill loses little work. */
const pageSize = 500;

/** How many values of a field each key has encrypted. */
export interface FieldStatus {
  readonly field: string;
  readonly encryptedBy: Readonly<Record<string, number>>;
}

export interface Reencrypted {
  readonly field: string;
  readonly reencrypted: number;
  /** Changed concurrently: already under the current key, or processed by the next run. */
  readonly skipped: number;
  /** Encrypted by an unknown key, or damaged. They are left unchanged. */
  readonly undecryptable: number;
}

/** Counts, in every field, the values that each key has encrypted. */
export async function encryptionStatus(database: Database, fields: readonly EncryptedField[]): Promise<readonly FieldStatus[]> {
  const found: FieldStatus[] = [];
  for (const field of fields) {
    const { value, from } = sqlOf(field);
    const { rows } = await asOwner(database, (tx) =>
      sql<{ key: string; count: string }>`
        select case when ${value} like 'g2.%' then split_part(${value}, '.', 2) else ${unnamedKey} end as key, count(*)::text as count
        from ${from} and ${value} is not null group by 1 order by 1`.execute(tx),
    );
    found.push({ field: nameOf(field), encryptedBy: Object.fromEntries(rows.map(({ key, count }) => [key, Number(count)])) });
  }
  return found;
}

/** Decrypts every value with the key that encrypted it, and counts them. Throws at the first that does not decrypt. */
export async function decryptAll(tx: WriteHandle, fields: readonly EncryptedField[], keys: KeyRing): Promise<number> {
  let decrypted = 0;
  for (const field of fields) {
    for await (const rows of pages(tx, field, sql`true`)) {
      for (const { key, value } of rows) keys.decrypt(value, purposeOf(field, key));
      decrypted += rows.length;
    }
  }
  return decrypted;
}

/**
 * Reencrypts under the current key all values of other keys, page by page, each page in a separate transaction. It may be
 * interrupted at any time and started again, and may run while the product runs: a value is replaced only if it is still the one that
 * was read.
 */
export async function reencrypt(database: Database, field: EncryptedField, keys: KeyRing): Promise<Reencrypted> {
  const total = { field: nameOf(field), reencrypted: 0, skipped: 0, undecryptable: 0 };
  const { value: column } = sqlOf(field);
  let after: Row | undefined;
  for (;;) {
    const rows = await asOwner(database, async (tx) => {
      const page = await nextPage(tx, field, sql`${column} not like ${`g2.${keys.current}.%`}`, after);
      for (const row of page) {
        const outcome = await reencryptOne(tx, field, keys, row);
        total[outcome] += 1;
      }
      return page;
    });
    after = rows.at(-1);
    if (rows.length < pageSize) return total;
  }
}

async function reencryptOne(
  tx: WriteHandle,
  field: EncryptedField,
  keys: KeyRing,
  row: Row,
): Promise<"reencrypted" | "skipped" | "undecryptable"> {
  let text: string;
  try {
    text = keys.decrypt(row.value, purposeOf(field, row.key));
  } catch {
    return "undecryptable";
  }
  const { value, key, set } = sqlOf(field);
  const { rows } = await sql`update ${tableOf(field)} set ${set(keys.encrypt(text, purposeOf(field, row.key)))}
    where ${key} = ${keyOf(row)} and ${value} = ${row.value} returning 1`.execute(tx);
  return rows.length === 1 ? "reencrypted" : "skipped";
}

interface Row {
  readonly key: readonly string[];
  readonly value: string;
}

async function* pages(tx: WriteHandle, field: EncryptedField, which: RawBuilder<unknown>): AsyncGenerator<readonly Row[]> {
  for (let after: Row | undefined; ; ) {
    const rows = await nextPage(tx, field, which, after);
    yield rows;
    if (rows.length < pageSize) return;
    after = rows.at(-1);
  }
}

async function nextPage(
  tx: WriteHandle,
  field: EncryptedField,
  which: RawBuilder<unknown>,
  after: Row | undefined,
): Promise<readonly Row[]> {
  const { value, from, key, columns } = sqlOf(field);
  const beyond = after === undefined ? sql`true` : sql`${key} > ${keyOf(after)}`;
  const { rows } = await sql<Row>`select array[${sql.join(columns.map((column) => sql`${column}::text`))}] as key, ${value} as value
    from ${from} and ${value} is not null and ${which} and ${beyond}
    order by ${sql.join(columns)} limit ${pageSize}`.execute(tx);
  return rows;
}

const jobTable = sql`jobs.job`;
const tableOf = (field: EncryptedField): RawBuilder<unknown> => ("table" in field ? sql.table(field.table) : jobTable);
const keyOf = (row: Row): RawBuilder<unknown> => sql`(${sql.join(row.key)})`;

export interface FieldSql {
  readonly columns: readonly RawBuilder<unknown>[];
  readonly key: RawBuilder<unknown>;
  readonly value: RawBuilder<unknown>;
  /** The table and the condition of its rows. */
  readonly from: RawBuilder<unknown>;
  set(ciphertext: string): RawBuilder<unknown>;
}

export function sqlOf(field: EncryptedField): FieldSql {
  const columns = ("table" in field ? field.key : ["name", "id"]).map((name) => sql.ref(name));
  const key = sql`(${sql.join(columns)})`;
  if ("table" in field) {
    const value = sql.ref(field.column);
    return { columns, key, value, from: sql`${tableOf(field)} where true`, set: (ciphertext) => sql`${value} = ${ciphertext}` };
  }
  return {
    columns,
    key,
    value: sql`(data ->> ${sql.lit(field.field)})`,
    from: sql`${jobTable} where name = ${sql.lit(field.queue)}`,
    set: (ciphertext) => sql`data = jsonb_set(data, ${sql.lit(`{${field.field}}`)}, to_jsonb(${ciphertext}::text))`,
  };
}

/** Runs as the tables' owner, who may also update append-only tables. */
const asOwner = <T>(database: Database, work: (tx: WriteHandle) => Promise<T>): Promise<T> =>
  database.owner.transaction().execute(async (tx) => {
    await sql`select set_config('app.tenant', ${everyTenant.tenant}, true)`.execute(tx);
    return work(tx as WriteHandle<AnyTables>);
  });
