import { type Kysely, sql } from "kysely";
import { type AnyTables, type Database, everyTenant } from "../database/database.ts";
import { StartRefused } from "../start-refused.ts";
import { type EncryptedField, nameOf, purposeOf } from "./encrypted-field.ts";
import { type KeyRing, unnamedKey } from "./keys.ts";
import { sqlOf } from "./reencrypt.ts";

const page = "docs/operations/keys.md";

/** The database holds what another master key has encrypted, or the key is gone. Nothing was changed. */
export class MasterKeyRefused extends StartRefused {
  constructor(problem: string) {
    super(`${problem} Start with the key that the database was filled with: ${page}.`);
    this.name = "MasterKeyRefused";
  }
}

type Handle = Kysely<AnyTables>;

interface KnownKey {
  readonly name: string;
  readonly check_value: string;
}

/** Where the ring comes from, for a refusal's message. */
export interface KeyRingSource {
  readonly keys: KeyRing | undefined;
  readonly from: string;
}

/**
 * Compares the keys at hand with those that encrypt in this database. Throws {@link MasterKeyRefused} where none of them is at hand, and
 * where one is missing that values are still encrypted with. Tells whether the database has encrypted nothing yet, so that any key will do.
 */
export async function refuseOtherKeys(
  db: Handle,
  { keys, from }: KeyRingSource,
  places: readonly EncryptedField[],
): Promise<{ readonly isUnused: boolean; readonly isCurrentKnown: boolean }> {
  const known = await knownKeys(db);
  const present = await presentFields(db, places);
  if (known.length === 0) {
    const keyName = await keyOfAny(db, keys, present);
    if (keyName !== undefined) throw otherKey(keys, from, [keyName]);
    return { isUnused: true, isCurrentKnown: false };
  }
  const absent = known.filter(({ name, check_value }) => keys?.checkOf(name) !== check_value).map(({ name }) => name);
  if (absent.length === known.length) throw otherKey(keys, from, absent);
  for (const name of absent) {
    const place = await fieldEncryptedBy(db, present, name);
    if (place === undefined) continue;
    throw new MasterKeyRefused(
      `The master key ${name} is missing, and values are still encrypted with it (${place}): add it to GATEHOUSE_MASTER_KEYS_OLD.`,
    );
  }
  return { isUnused: false, isCurrentKnown: known.some(({ name }) => name === keys?.current) };
}

/** Writes down that the ring's current key encrypts in this database. Of two first starts with different keys the second is refused. */
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

/** After a rotation has encrypted everything anew: no other key is needed any more. */
export const deleteOtherKeys = async (tx: Handle, { current }: KeyRing): Promise<void> =>
  void (await sql`delete from master_keys where name <> ${current}`.execute(tx));

/** A place whose table is there: the job queue's is made by the first start, not by a step. */
export async function presentFields(db: Handle, places: readonly EncryptedField[]): Promise<readonly EncryptedField[]> {
  const { rows } = await sql<{ present: boolean }>`select to_regclass('jobs.job') is not null as present`.execute(db);
  return rows[0]?.present ? places : places.filter((place) => "table" in place);
}

async function knownKeys(db: Handle): Promise<readonly KnownKey[]> {
  const { rows } = await sql<KnownKey>`select name, check_value from master_keys order by first_used_at, name`.execute(db);
  return rows;
}

function otherKey(keys: KeyRing | undefined, from: string, expected: readonly string[]): MasterKeyRefused {
  const found = keys === undefined ? `there is no master key in ${from}` : `the master key of ${from} is ${keys.current}`;
  return new MasterKeyRefused(`The database was filled with the master key ${expected.join(" or ")}, and ${found}.`);
}

/** In a database that has no list of keys yet: the key of an encrypted value that does not decrypt, or undefined. */
async function keyOfAny(db: Handle, keys: KeyRing | undefined, places: readonly EncryptedField[]): Promise<string | undefined> {
  for (const place of places) {
    const { value, from, columns } = sqlOf(place);
    const { rows } = await sql<{ key: readonly string[]; value: string }>`
      select array[${sql.join(columns.map((column) => sql`${column}::text`))}] as key, ${value} as value
      from ${from} and ${value} is not null limit 1`.execute(db);
    const row = rows[0];
    if (row === undefined) continue;
    try {
      if (keys === undefined) return keyNamedIn(row.value);
      keys.decrypt(row.value, purposeOf(place, row.key));
    } catch {
      return keyNamedIn(row.value);
    }
  }
  return undefined;
}

const keyNamedIn = (ciphertext: string): string => /^g2\.([^.]+)\./.exec(ciphertext)?.[1] ?? unnamedKey;

async function fieldEncryptedBy(db: Handle, places: readonly EncryptedField[], name: string): Promise<string | undefined> {
  for (const place of places) {
    const { value, from } = sqlOf(place);
    const { rows } = await sql`select 1 from ${from} and starts_with(${value}, ${`g2.${name}.`}) limit 1`.execute(db);
    if (rows.length > 0) return nameOf(place);
  }
  return undefined;
}
