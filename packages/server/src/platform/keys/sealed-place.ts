/**
 * Where sealed values are kept, declared beside the code that seals them: a column of a table, or a field in the payload of
 * a queue's jobs. A rotation of the master key goes through all of them, and so does an import.
 */
export type SealedPlace = SealedColumn | SealedPayload;

export interface SealedColumn {
  readonly table: string;
  /** The columns of the primary key: they page through the table. */
  readonly key: readonly string[];
  readonly column: string;
  /** What the values are sealed for; where each is bound to its own row, from the row's key. */
  readonly purpose: string | ((key: readonly string[]) => string);
}

export interface SealedPayload {
  readonly queue: string;
  readonly field: string;
  readonly purpose: string;
}

export const purposeOf = ({ purpose }: SealedPlace, key: readonly string[]): string =>
  typeof purpose === "string" ? purpose : purpose(key);

export const nameOf = (place: SealedPlace): string =>
  "table" in place ? `${place.table}.${place.column}` : `jobs ${place.queue}.${place.field}`;
