import { isSigned, isTotalSigned, type Signed, type SigningKeyRow, type Statement, type Total } from "./signing.ts";
import type { ChainRow } from "./store.ts";
import { type Finding, finding } from "./verify-records.ts";

/** A statement about a chain, and what it is called where it is told that it is wrong. */
export interface Said {
  readonly row: ChainRow;
  readonly kind: Statement["kind"];
  readonly name: string;
  /** The key that was kept with it, for what was kept elsewhere. */
  readonly publicKey?: string;
}

export type IsRightlySigned = (said: Pick<Said, "row" | "kind" | "publicKey">) => boolean;

/** A signature counts under a key that is here; one that was kept elsewhere under the key that was kept with it, where that is ours. */
export const signedBy =
  (keys: readonly SigningKeyRow[]): IsRightlySigned =>
  ({ row, kind, publicKey }) => {
    const key = keys.find(({ id }) => id === row.key_id)?.public_key;
    if (key === undefined || (publicKey !== undefined && publicKey !== key)) return false;
    return isSigned({ kind, organizationId: row.organization_id, number: row.number, hash: row.hash }, row, key);
  };

/** The chain as far as a statement can be held against it. */
export interface Known {
  /** The hashes of its records by their numbers, as they stand. */
  readonly hashes: ReadonlyMap<number, string>;
  /** Records from this number on are there; what is said of older ones can be held against its signature alone. */
  readonly begins: number;
  readonly end: number;
}

/** What is wrong with a statement: its signature, or that the chain is not as it says. */
export function verifySaid(said: Said, { hashes, begins, end }: Known, isSigned: IsRightlySigned): Finding[] {
  const { row, name } = said;
  if (!isSigned(said)) return [finding("wrong_signature", row.number, `the signature of ${name} at ${row.number} is not right`)];
  if (row.number < begins || hashes.get(row.number) === row.hash) return [];
  const there = hashes.has(row.number) ? "it is another record now" : "it is not there now";
  const text = row.number > end ? "the chain is shorter now" : there;
  return [finding("other_history", row.number, `${name} says what record ${row.number} was: ${text}`)];
}

/** Whether how much is sealed in all is as it was signed. Where there is no key, nothing was ever sealed, and needs no signature. */
export function isTotalRight(total: (Total & Signed) | undefined, keys: readonly SigningKeyRow[]): boolean {
  if (total === undefined) return false;
  if (total.key_id === null) return total.records === 0 && keys.length === 0;
  const key = keys.find(({ id }) => id === total.key_id);
  return key !== undefined && isTotalSigned(total, total, key.public_key);
}
