/**
 * Where encrypted values are stored, declared next to the code that encrypts them: a column of a table, or a field in the payload of
 * a queue's jobs. A rotation of the master key and an import process all of them.
 */
export type EncryptedField = EncryptedColumn | EncryptedPayload;

export interface EncryptedColumn {
  readonly table: string;
  /** The columns of the primary key: they page through the table. */
  readonly key: readonly string[];
  readonly column: string;
  /** The encryption purpose of the values; a function of the row's key if each value is bound to its row. */
  readonly purpose: string | ((key: readonly string[]) => string);
}

export interface EncryptedPayload {
  readonly queue: string;
  readonly field: string;
  readonly purpose: string;
}

export const purposeOf = ({ purpose }: EncryptedField, key: readonly string[]): string =>
  typeof purpose === "string" ? purpose : purpose(key);

export const nameOf = (field: EncryptedField): string =>
  "table" in field ? `${field.table}.${field.column}` : `jobs ${field.queue}.${field.field}`;
