import type { Keys } from "#platform/keys/keys.ts";
import { newSigningKey, Signer, type SigningKeyRow } from "./signing.ts";
import type { AuditReads, AuditWrites } from "./store.ts";

type Store = Pick<AuditReads, "signingKeys"> & Pick<AuditWrites, "insertSigningKey">;

/** The signing keys that this process has decrypted. */
export class Signers {
  readonly #keys: Keys;
  readonly #decrypted = new Map<string, Signer>();

  constructor(keys: Keys) {
    this.#keys = keys;
  }

  /** The signer of the newest key. Creates the first key; the caller must hold the chain appender's lock. */
  async current(store: Store, now: Date): Promise<Signer> {
    const newest = (await store.signingKeys()).at(-1);
    if (newest !== undefined) return this.of(newest);
    const made = newSigningKey(this.#keys);
    await store.insertSigningKey(made, now);
    // Not cached: the transaction that created the key may still roll back.
    return new Signer(made, this.#keys);
  }

  of(row: SigningKeyRow): Signer {
    const known = this.#decrypted.get(row.id) ?? new Signer(row, this.#keys);
    this.#decrypted.set(row.id, known);
    return known;
  }
}
