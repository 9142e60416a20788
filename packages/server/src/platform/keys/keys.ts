/** The keys port: seals what must be kept but not be readable in the database. */
export interface Keys {
  /** Encrypts `plaintext` for `purpose`; it opens for the same purpose only. */
  seal(plaintext: string, purpose: string): string;
  /** Throws when `sealed` was changed, was sealed for another purpose, or by a key that is not here. */
  open(sealed: string, purpose: string): string;
}
