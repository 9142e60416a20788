import { type RawBuilder, sql } from "kysely";
import type { AnyTables, Database, WriteHandle } from "../database/database.ts";
import { everyTenant } from "../database/database.ts";
import { type EncryptedField, nameOf, purposeOf } from "./encrypted-field.ts";
import { type KeyRing, unnamedKey } from "./keys.ts";

/** A transaction of a second at most: nobody waits long for a row, and little is done again after a kill. */
const pageSize = 500;

/** How many values of a place each key has encrypted. */
export interface FieldStatus {
  readonly place: string;
  readonly encryptedBy: Readonly<Record<string, number>>;
}

export interface Reencrypted {
  readonly place: string;
  readonly reencrypted: number;
  /** Changed by somebody else in the moment between: under the current key already, or met by the next run. */
  readonly passedBy: number;
  /** Encrypted by a key that is not here, or damaged. They stay as they are. */
  readonly undecryptable: number;
}

/** Counts, in every place, the values that each key has encrypted. */
export async function encryptionStatus(database: Database, places: readonly EncryptedField[]): Promise<readonly FieldStatus[]> {
  const found: FieldStatus[] = [];
  for (const place of places) {
    const { value, from } = sqlOf(place);
    const { rows } = await asOwner(database, (tx) =>
      sql<{ key: string; count: string }>`
        select case when ${value} like 'g2.%' then split_part(${value}, '.', 2) else ${unnamedKey} end as key, count(*)::text as count
        from ${from} and ${value} is not null group by 1 order by 1`.execute(tx),
    );
    found.push({ place: nameOf(place), encryptedBy: Object.fromEntries(rows.map(({ key, count }) => [key, Number(count)])) });
  }
  return found;
}

/** Decrypts every value, with whichever key encrypted it; counts them. Throws at the first that does not. */
export async function decryptAll(tx: WriteHandle, places: readonly EncryptedField[], keys: KeyRing): Promise<number> {
  let opened = 0;
  for (const place of places) {
    for await (const rows of pages(tx, place, sql`true`)) {
      for (const { key, value } of rows) keys.decrypt(value, purposeOf(place, key));
      opened += rows.length;
    }
  }
  return opened;
}

/**
 * Encrypts under the current key whatever another one has encrypted, page by page, each page in a transaction of its own. May be
 * ended at any time and begun again, and runs beside the product: a value is replaced only where it is still the one that
 * was read.
 */
export async function reencrypt(database: Database, place: EncryptedField, keys: KeyRing): Promise<Reencrypted> {
  const total = { place: nameOf(place), reencrypted: 0, passedBy: 0, undecryptable: 0 };
  const { value: column } = sqlOf(place);
  let after: Row | undefined;
  for (;;) {
    const rows = await asOwner(database, async (tx) => {
      const page = await nextPage(tx, place, sql`${column} not like ${`g2.${keys.current}.%`}`, after);
      for (const row of page) {
        const outcome = await reencryptOne(tx, place, keys, row);
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
  place: EncryptedField,
  keys: KeyRing,
  row: Row,
): Promise<"reencrypted" | "passedBy" | "undecryptable"> {
  let text: string;
  try {
    text = keys.decrypt(row.value, purposeOf(place, row.key));
  } catch {
    return "undecryptable";
  }
  const { value, key, set } = sqlOf(place);
  const { rows } = await sql`update ${tableOf(place)} set ${set(keys.encrypt(text, purposeOf(place, row.key)))}
    where ${key} = ${keyOf(row)} and ${value} = ${row.value} returning 1`.execute(tx);
  return rows.length === 1 ? "reencrypted" : "passedBy";
}

interface Row {
  readonly key: readonly string[];
  readonly value: string;
}

async function* pages(tx: WriteHandle, place: EncryptedField, which: RawBuilder<unknown>): AsyncGenerator<readonly Row[]> {
  for (let after: Row | undefined; ; ) {
    const rows = await nextPage(tx, place, which, after);
    yield rows;
    if (rows.length < pageSize) return;
    after = rows.at(-1);
  }
}

async function nextPage(
  tx: WriteHandle,
  place: EncryptedField,
  which: RawBuilder<unknown>,
  after: Row | undefined,
): Promise<readonly Row[]> {
  const { value, from, key, columns } = sqlOf(place);
  const beyond = after === undefined ? sql`true` : sql`${key} > ${keyOf(after)}`;
  const { rows } = await sql<Row>`select array[${sql.join(columns.map((column) => sql`${column}::text`))}] as key, ${value} as value
    from ${from} and ${value} is not null and ${which} and ${beyond}
    order by ${sql.join(columns)} limit ${pageSize}`.execute(tx);
  return rows;
}

const jobTable = sql`jobs.job`;
const tableOf = (place: EncryptedField): RawBuilder<unknown> => ("table" in place ? sql.table(place.table) : jobTable);
const keyOf = (row: Row): RawBuilder<unknown> => sql`(${sql.join(row.key)})`;

export interface FieldSql {
  readonly columns: readonly RawBuilder<unknown>[];
  readonly key: RawBuilder<unknown>;
  readonly value: RawBuilder<unknown>;
  /** The table and the rows of it that are meant. */
  readonly from: RawBuilder<unknown>;
  set(ciphertext: string): RawBuilder<unknown>;
}

export function sqlOf(place: EncryptedField): FieldSql {
  const columns = ("table" in place ? place.key : ["name", "id"]).map((name) => sql.ref(name));
  const key = sql`(${sql.join(columns)})`;
  if ("table" in place) {
    const value = sql.ref(place.column);
    return { columns, key, value, from: sql`${tableOf(place)} where true`, set: (ciphertext) => sql`${value} = ${ciphertext}` };
  }
  return {
    columns,
    key,
    value: sql`(data ->> ${sql.lit(place.field)})`,
    from: sql`${jobTable} where name = ${sql.lit(place.queue)}`,
    set: (ciphertext) => sql`data = jsonb_set(data, ${sql.lit(`{${place.field}}`)}, to_jsonb(${ciphertext}::text))`,
  };
}

/** The tables' owner: it may also change what the application may only add to. */
const asOwner = <T>(database: Database, work: (tx: WriteHandle) => Promise<T>): Promise<T> =>
  database.owner.transaction().execute(async (tx) => {
    await sql`select set_config('app.tenant', ${everyTenant.tenant}, true)`.execute(tx);
    return work(tx as WriteHandle<AnyTables>);
  });
