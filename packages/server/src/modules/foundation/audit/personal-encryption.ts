import type { Keys } from "#platform/keys/keys.ts";
import type { chainStore } from "./chain-store.ts";
import type { NormalizedEntry } from "./normalize-entry.ts";
import { decryptSecret, keysOf, newPersonKey, type Person, type PersonKeyRow, pepperPerson, throwawayKeys } from "./person-keys.ts";
import { hashOfPart } from "./record.ts";
import type { AuditReads, AuditWrites } from "./store.ts";

type Store = Pick<AuditReads, "personKeys"> & Pick<AuditWrites, "insertPersonKeys"> & ReturnType<typeof chainStore>;
type PersonalPart = Parameters<ReturnType<typeof chainStore>["insertPersonal"]>[0][number];

/** The encryption purpose of a record's personal data. */
export const personalPurpose = (recordId: string): string => `audit record ${recordId}`;

/** Encrypts the personal data of a batch, each person's data under their own key. */
export class PersonalEncrypter {
  readonly pepper: string;
  readonly rows: PersonalPart[] = [];
  /** Ids of entries that were written before their person was erased. */
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
    return new PersonalEncrypter(store, keys, now, decryptSecret(row as PersonKeyRow, keys));
  }

  /** Loads the keys of all people in the batch. */
  async prepare(people: readonly Person[]): Promise<void> {
    const all = [...new Set(people)].sort();
    this.#erasedAt = await this.#store.erasedAt(all);
    for (const row of await living(this.#store, all, this.#keys, this.#now)) {
      this.#living.set(row.person, { id: row.id, keys: this.#decryptedOrThrowaway(row) });
    }
  }

  /**
   * A key that cannot be decrypted was changed. It must not stop the audit log: the record is appended, and this person's data in it is
   * lost. The verifier reports each such record.
   */
  #decryptedOrThrowaway(row: PersonKeyRow): Keys {
    try {
      return keysOf(row, this.#keys);
    } catch (error) {
      this.damaged.push({ keyId: row.id, error });
      return throwawayKeys();
    }
  }

  /** Encrypts a record's personal data. Returns one row for each person, and their hashes for the record. */
  async encrypt(
    { id, organization_id, personal }: NormalizedEntry,
    number: number,
    occurredAt: Date,
  ): Promise<{ readonly parts: readonly PersonalPart[]; readonly hashes: readonly string[] }> {
    const parts: PersonalPart[] = [];
    for (const [person, fields] of personal) {
      const key = await this.#keyFor(person, occurredAt);
      if (key.isErased) this.erased.push(id);
      const ciphertext = key.keys.encrypt(JSON.stringify(fields), personalPurpose(id));
      parts.push({ record_id: id, part: parts.length, organization_id, number, key_id: key.id, ciphertext });
    }
    return { parts, hashes: parts.map(({ key_id, ciphertext }) => hashOfPart(key_id, ciphertext)) };
  }

  add(parts: readonly PersonalPart[]): void {
    this.rows.push(...parts);
  }

  /** Data from before the person's erasure is encrypted under a throwaway key: it counts as erased, though it was in no chain then. */
  async #keyFor(person: Person, occurredAt: Date): Promise<{ readonly id: string; readonly keys: Keys; readonly isErased?: true }> {
    const erasedAt = this.#erasedAt.get(person);
    if (erasedAt !== undefined && erasedAt >= occurredAt)
      return { id: await this.#store.erasedKeyId(person), keys: throwawayKeys(), isErased: true };
    return this.#living.get(person) as { readonly id: string; readonly keys: Keys };
  }
}

/** The keys of people that are not destroyed. Creates missing ones. */
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
