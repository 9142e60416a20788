import { sql } from "kysely";
import { type Database, everyTenant, type WriteHandle } from "../database/database.ts";
import { type AnyHandle, firstRow, rowsOf } from "../database/rows.ts";
import { StartRefused } from "../start-refused.ts";
import { type EncryptedField, nameOf, purposeOf } from "./encrypted-field.ts";
import { type KeyRing, unnamedKey } from "./keys.ts";
import { sqlOf } from "./reencrypt.ts";

const page = "docs/operations/keys.md";

/** The database has values of another master key, or the key is missing. Nothing was changed. */
export class MasterKeyRefused extends StartRefused {
  constructor(problem: string) {
    super(`${problem} Start with the key that the database was filled with: ${page}.`);
    this.name = "MasterKeyRefused";
  }
}

interface KnownKey {
  readonly name: string;
  readonly check_value: string;
}

/** Where the ring comes from, for the error message. */
export interface KeyRingSource {
  readonly keys: KeyRing | undefined;
  readonly from: string;
}

/**
 * Compares the available keys with those that encrypt in this database. Throws {@link MasterKeyRefused} if none of them is available, and
 * if one is missing that values are still encrypted with. Returns whether the database has no encrypted value yet, so that any key is valid.
 */
export async function refuseOtherKeys(
  db: AnyHandle,
  { keys, from }: KeyRingSource,
  fields: readonly EncryptedField[],
): Promise<{ readonly isUnused: boolean; readonly isCurrentKnown: boolean }> {
  const known = await knownKeys(db);
  const present = await presentFields(db, fields);
  if (known.length === 0) {
    const keyName = await keyOfAny(db, keys, present);
    if (keyName !== undefined) throw otherKey(keys, from, [keyName]);
    return { isUnused: true, isCurrentKnown: false };
  }
  const absent = known.filter(({ name, check_value }) => keys?.checkOf(name) !== check_value).map(({ name }) => name);
  if (absent.length === known.length) throw otherKey(keys, from, absent);
  for (const name of absent) {
    const field = await fieldEncryptedBy(db, present, name);
    if (field === undefined) continue;
    throw new MasterKeyRefused(
      `The master key ${name} is missing, and values are still encrypted with it (${field}): add it to GATEHOUSE_MASTER_KEYS_OLD.`,
    );
  }
  return { isUnused: false, isCurrentKnown: known.some(({ name }) => name === keys?.current) };
}

/** Records that the ring's current key encrypts in this database. Of two first starts with different keys, rejects the second. */
export async function recordKey(database: Database, source: KeyRingSource & { readonly keys: KeyRing }): Promise<void> {
  const { keys } = source;
  await database.transact(everyTenant, async (tx) => {
    await sql`lock table master_keys in share row exclusive mode`.execute(tx);
    const known = await knownKeys(tx);
    if (known.length > 0 && !known.some(({ name, check_value }) => keys.checkOf(name) === check_value))
      throw otherKey(
        keys,
        source.from,
        known.map(({ name }) => name),
      );
    await sql`insert into master_keys (name, check_value) values (${keys.current}, ${keys.checkOf(keys.current)})
      on conflict (name) do nothing`.execute(tx);
  });
}

/** Ends a rotation that has reencrypted everything: no other key is needed any more. */
export const deleteOtherKeys = async (tx: WriteHandle, { current }: KeyRing): Promise<void> =>
  void (await sql`delete from master_keys where name <> ${current}`.execute(tx));

/** The fields whose table exists: the job queue's is created by the first start, not by a schema step. */
export async function presentFields(db: AnyHandle, fields: readonly EncryptedField[]): Promise<readonly EncryptedField[]> {
  const jobs = await firstRow(db, sql<{ present: boolean }>`select to_regclass('jobs.job') is not null as present`);
  return jobs?.present ? fields : fields.filter((field) => "table" in field);
}

const knownKeys = (db: AnyHandle): Promise<readonly KnownKey[]> =>
  rowsOf(db, sql<KnownKey>`select name, check_value from master_keys order by first_used_at, name`);

function otherKey(keys: KeyRing | undefined, from: string, expected: readonly string[]): MasterKeyRefused {
  const found = keys === undefined ? `there is no master key in ${from}` : `the master key of ${from} is ${keys.current}`;
  return new MasterKeyRefused(`The database was filled with the master key ${expected.join(" or ")}, and ${found}.`);
}

/** For a database without a list of keys: the key name of an encrypted value that does not decrypt, or undefined. */
async function keyOfAny(db: AnyHandle, keys: KeyRing | undefined, fields: readonly EncryptedField[]): Promise<string | undefined> {
  for (const field of fields) {
    const { value, from, columns } = sqlOf(field);
    const row = await firstRow(
      db,
      sql<{ key: readonly string[]; value: string }>`
        select array[${sql.join(columns.map((column) => sql`${column}::text`))}] as key, ${value} as value
        from ${from} and ${value} is not null limit 1`,
    );
    if (row === undefined) continue;
    try {
      if (keys === undefined) return keyNamedIn(row.value);
      keys.decrypt(row.value, purposeOf(field, row.key));
    } catch {
      return keyNamedIn(row.value);
    }
  }
  return undefined;
}

const keyNamedIn = (ciphertext: string): string => /^g2\.([^.]+)\./.exec(ciphertext)?.[1] ?? unnamedKey;

async function fieldEncryptedBy(db: AnyHandle, fields: readonly EncryptedField[], name: string): Promise<string | undefined> {
  for (const field of fields) {
    const { value, from } = sqlOf(field);
    const row = await firstRow(db, sql`select 1 from ${from} and starts_with(${value}, ${`g2.${name}.`}) limit 1`);
    if (row !== undefined) return nameOf(field);
  }
  return undefined;
}
