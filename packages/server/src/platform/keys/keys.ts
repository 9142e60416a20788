/** The keys port: encrypts values that must not be readable in the database. */
export interface Keys {
  /** Encrypts `plaintext`; the result decrypts for the same purpose only. */
  encrypt(plaintext: string, purpose: string): string;
  /** Throws if `ciphertext` was changed, or was encrypted for another purpose or by an unknown key. */
  decrypt(ciphertext: string, purpose: string): string;
}

/** A set of keys: the ring decrypts values of any of its keys, and encrypts with the first. */
export interface KeyRing extends Keys {
  /** The name of the key that encrypts. */
  readonly current: string;
  /** The names of all keys that decrypt, the current one first. */
  readonly names: readonly string[];
  /** The name of the key that encrypted a value; {@link unnamedKey} if the value has no key name. */
  encryptedBy(ciphertext: string): string;
  /** A check value that is derived from the key of this name, and reveals nothing about it; undefined if the ring lacks the key. */
  checkOf(name: string): string | undefined;
  /** A key for `purpose` from each master key, the current one first. It reveals nothing about the master key. */
  derive(purpose: string): readonly DerivedKey[];
}

/** A key for one purpose. */
export interface DerivedKey {
  /** The name of its master key, which messages carry. */
  readonly name: string;
  readonly key: Buffer;
}

/** The value names a master key that the ring does not have. */
export class MasterKeyAbsent extends Error {
  readonly keyName: string;
  constructor(keyName: string) {
    super(`encrypted by the master key ${keyName}, which is not here`);
    this.name = "MasterKeyAbsent";
    this.keyName = keyName;
  }
}

/** The name for values of the first format, which do not name their key; every key of the ring is tried on them. */
export const unnamedKey = "unnamed";
