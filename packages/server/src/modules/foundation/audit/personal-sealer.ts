import type { Keys } from "#platform/keys/keys.ts";
import type { Described } from "./described.ts";
import { keysOf, newPersonKey, openSecret, type Person, type PersonKeyRow, pepperPerson, throwawayKeys } from "./person-keys.ts";
import { hashOfPart } from "./record.ts";
import type { sealing } from "./sealing-store.ts";
import type { AuditReads, AuditWrites } from "./store.ts";

type Store = Pick<AuditReads, "personKeys"> & Pick<AuditWrites, "insertPersonKeys"> & ReturnType<typeof sealing>;
type PersonalPart = Parameters<ReturnType<typeof sealing>["insertPersonal"]>[0][number];

/** What the sealed data of a record is bound to. */
export const personalPurpose = (recordId: string): string => `audit record ${recordId}`;

/** Seals the personal data of a batch, each part under the key of its person. */
export class PersonalSealer {
  readonly pepper: string;
  readonly rows: PersonalPart[] = [];
  /** Entries of before their person was erased. */
  readonly forgotten: string[] = [];
  /** Keys that did not open. */
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

  static async open(store: Store, keys: Keys, now: Date): Promise<PersonalSealer> {
    const [row] = await living(store, [pepperPerson], keys, now);
    return new PersonalSealer(store, keys, now, openSecret(row as PersonKeyRow, keys));
  }

  /** Makes ready the keys of everybody whom the batch is about. */
  async prepare(people: readonly Person[]): Promise<void> {
    const all = [...new Set(people)].sort();
    this.#erasedAt = await this.#store.erasedAt(all);
    for (const row of await living(this.#store, all, this.#keys, this.#now)) {
      this.#living.set(row.person, { id: row.id, keys: this.#openedOrLost(row) });
    }
  }

  /**
   * A key that does not open was changed by somebody. It must not stop the trail of everybody: what happened is sealed as ever, and
   * what is this person's opens to nobody, which the verifier tells of each record.
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
  async seal(
    { id, organization_id, personal }: Described,
    number: number,
    occurredAt: Date,
  ): Promise<{ readonly parts: readonly PersonalPart[]; readonly hashes: readonly string[] }> {
    const parts: PersonalPart[] = [];
    for (const [person, fields] of personal) {
      const key = await this.#keyFor(person, occurredAt);
      if (key.isForgotten) this.forgotten.push(id);
      const sealed = key.keys.seal(JSON.stringify(fields), personalPurpose(id));
      parts.push({ record_id: id, part: parts.length, organization_id, number, key_id: key.id, sealed });
    }
    return { parts, hashes: parts.map(({ key_id, sealed }) => hashOfPart(key_id, sealed)) };
  }

  add(parts: readonly PersonalPart[]): void {
    this.rows.push(...parts);
  }

  /** What happened before its person was erased is forgotten as well, though it was not sealed yet. */
  async #keyFor(person: Person, occurredAt: Date): Promise<{ readonly id: string; readonly keys: Keys; readonly isForgotten?: true }> {
    const erasedAt = this.#erasedAt.get(person);
    if (erasedAt !== undefined && erasedAt >= occurredAt)
      return { id: await this.#store.erasedKeyId(person), keys: throwawayKeys(), isForgotten: true };
    return this.#living.get(person) as { readonly id: string; readonly keys: Keys };
  }
}

/** The live keys of people; who has none gets one. */
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
