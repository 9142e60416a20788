import type { Keys } from "#platform/keys/keys.ts";
import type { chainStore } from "./chain-store.ts";
import type { NormalizedEntry } from "./normalize-entry.ts";
import { keysOf, newPersonKey, openSecret, type Person, type PersonKeyRow, pepperPerson, throwawayKeys } from "./person-keys.ts";
import { hashOfPart } from "./record.ts";
import type { AuditReads, AuditWrites } from "./store.ts";

type Store = Pick<AuditReads, "personKeys"> & Pick<AuditWrites, "insertPersonKeys"> & ReturnType<typeof chainStore>;
type PersonalPart = Parameters<ReturnType<typeof chainStore>["insertPersonal"]>[0][number];

/** What the ciphertext of a record's personal data is bound to. */
export const personalPurpose = (recordId: string): string => `audit record ${recordId}`;

/** Encrypts the personal data of a batch, each part under the key of its person. */
export class PersonalEncrypter {
  readonly pepper: string;
  readonly rows: PersonalPart[] = [];
  /** Entries from before their person was erased. */
  readonly erased: string[] = [];
  /** Keys that could not be decrypted. */
  readonly damaged: { readonly keyId: string; readonly error: unknown }[] = [];
  readonly #store: Store;
  readonly #keys: Keys;
  readonly #now: Date;
  readonly #living = new Map<Person, { readonly id: string; readonly keys: Keys }>();
  #erasedAt: ReadonlyMap<Person, Date> = new Map();

  private constructor(store: Store, keys: Keys, now: Date, pepper: string) {
    this.#store = store;
    this.#keys = keys;
    this.#now = now;
    this.pepper = pepper;
  }

  static async open(store: Store, keys: Keys, now: Date): Promise<PersonalEncrypter> {
    const [row] = await living(store, [pepperPerson], keys, now);
    return new PersonalEncrypter(store, keys, now, openSecret(row as PersonKeyRow, keys));
  }

  /** Loads the keys of all people in the batch. */
  async prepare(people: readonly Person[]): Promise<void> {
    const all = [...new Set(people)].sort();
    this.#erasedAt = await this.#store.erasedAt(all);
    for (const row of await living(this.#store, all, this.#keys, this.#now)) {
      this.#living.set(row.person, { id: row.id, keys: this.#openedOrLost(row) });
    }
  }

  /**
   * A key that cannot be decrypted was changed. It must not stop the audit log: the record is appended as usual, and this person's data
   * in it cannot be decrypted, which the verifier reports for each record.
   */
  #openedOrLost(row: PersonKeyRow): Keys {
    try {
      return keysOf(row, this.#keys);
    } catch (error) {
      this.damaged.push({ keyId: row.id, error });
      return throwawayKeys();
    }
  }

  /** The parts of a record's personal data, and the hashes that the record holds of them. */
  async encrypt(
    { id, organization_id, personal }: NormalizedEntry,
    number: number,
    occurredAt: Date,
  ): Promise<{ readonly parts: readonly PersonalPart[]; readonly hashes: readonly string[] }> {
    const parts: PersonalPart[] = [];
    for (const [person, fields] of personal) {
      const key = await this.#keyFor(person, occurredAt);
      if (key.isErased) this.erased.push(id);
      const sealed = key.keys.encrypt(JSON.stringify(fields), personalPurpose(id));
      parts.push({ record_id: id, part: parts.length, organization_id, number, key_id: key.id, sealed });
    }
    return { parts, hashes: parts.map(({ key_id, sealed }) => hashOfPart(key_id, sealed)) };
  }

  add(parts: readonly PersonalPart[]): void {
    this.rows.push(...parts);
  }

  /** Data from before its person was erased is erased as well, though it was not in a chain yet. */
  async #keyFor(person: Person, occurredAt: Date): Promise<{ readonly id: string; readonly keys: Keys; readonly isErased?: true }> {
    const erasedAt = this.#erasedAt.get(person);
    if (erasedAt !== undefined && erasedAt >= occurredAt)
      return { id: await this.#store.erasedKeyId(person), keys: throwawayKeys(), isErased: true };
    return this.#living.get(person) as { readonly id: string; readonly keys: Keys };
  }
}

/** The live keys of people. Makes the keys that are missing. */
async function living(store: Store, people: readonly Person[], keys: Keys, now: Date): Promise<readonly PersonKeyRow[]> {
  if (people.length === 0) return [];
  const found = await store.personKeys(people);
  const known = new Set(found.map(({ person }) => person));
  const missing = people.filter((person) => !known.has(person));
  if (missing.length === 0) return found;
  await store.insertPersonKeys(
    missing.map((person) => newPersonKey(person, keys)),
    now,
  );
  return [...found, ...(await store.personKeys(missing))];
}
