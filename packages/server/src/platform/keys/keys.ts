/** The keys port: encrypts what must be kept but not be readable in the database. */
export interface Keys {
  /** Encrypts `plaintext` for `purpose`; it decrypts for the same purpose only. */
  encrypt(plaintext: string, purpose: string): string;
  /** Throws when `encrypted` was changed, was encrypted for another purpose, or by a key that is not here. */
  decrypt(ciphertext: string, purpose: string): string;
}

/** Keys that know one another: the ring decrypts what any of its keys encrypted, and encrypts with the first. */
export interface KeyRing extends Keys {
  /** The name of the key that encrypts. */
  readonly current: string;
  /** The names of all keys that decrypt, the current one first. */
  readonly names: readonly string[];
  /** The name of the key that encrypted a value; {@link unnamedKey} where the value does not say. */
  encryptedBy(ciphertext: string): string;
  /** A text that only the key of this name gives, and that gives nothing of the key away; undefined where it is not here. */
  checkOf(name: string): string | undefined;
  /** A key for `purpose` from each master key, the current one first. Nothing of the master key follows from it. */
  derive(purpose: string): readonly DerivedKey[];
}

/** A key for one purpose. */
export interface DerivedKey {
  /** The name of the master key that it comes from: a message says under which key it was made. */
  readonly name: string;
  readonly key: Buffer;
}

/** The value is as it was encrypted, as far as can be told: the key that it names is not here. */
export class MasterKeyAbsent extends Error {
  readonly keyName: string;
  constructor(keyName: string) {
    super(`encrypted by the master key ${keyName}, which is not here`);
    this.name = "MasterKeyAbsent";
    this.keyName = keyName;
  }
}

/** Values of the first format do not name their key; every key of the ring is tried on them. */
export const unnamedKey = "unnamed";
