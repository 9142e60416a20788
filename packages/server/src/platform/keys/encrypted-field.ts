/**
 * Where encrypted values are kept, declared beside the code that encrypts them: a column of a table, or a field in the payload of
 * a queue's jobs. A rotation of the master key goes through all of them, and so does an import.
 */
export type EncryptedField = EncryptedColumn | EncryptedPayload;

export interface EncryptedColumn {
  readonly table: string;
  /** The columns of the primary key: they page through the table. */
  readonly key: readonly string[];
  readonly column: string;
  /** What the values are encrypted for; where each is bound to its own row, from the row's key. */
  readonly purpose: string | ((key: readonly string[]) => string);
}

export interface EncryptedPayload {
  readonly queue: string;
  readonly field: string;
  readonly purpose: string;
}

export const purposeOf = ({ purpose }: EncryptedField, key: readonly string[]): string =>
  typeof purpose === "string" ? purpose : purpose(key);

export const nameOf = (place: EncryptedField): string =>
  "table" in place ? `${place.table}.${place.column}` : `jobs ${place.queue}.${place.field}`;
