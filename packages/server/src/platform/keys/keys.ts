/** The keys port: seals what must be kept but not be readable in the database. */
export interface Keys {
  /** Encrypts `plaintext` for `purpose`; it opens for the same purpose only. */
  seal(plaintext: string, purpose: string): string;
  /** Throws when `sealed` was changed, was sealed for another purpose, or by a key that is not here. */
  open(sealed: string, purpose: string): string;
}

/** Keys that know one another: what one of several master keys has sealed, opens; what is sealed now, the first seals. */
export interface KeyRing extends Keys {
  /** The name of the key that seals. */
  readonly current: string;
  /** The names of all keys that open, the current one first. */
  readonly names: readonly string[];
  /** The name of the key that sealed a value; {@link unnamedKey} where the value does not say. */
  sealedBy(sealed: string): string;
}

/** Values of the first format do not name their key; every key of the ring is tried on them. */
export const unnamedKey = "unnamed";
