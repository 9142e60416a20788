import { isSigned, isTotalSigned, type Signed, type SigningKeyRow, type Statement, type Total } from "./signing.ts";
import type { ChainRow } from "./store.ts";
import { type Finding, finding } from "./verify-records.ts";

/** A signed statement about a chain, and its name in findings. */
export interface NamedStatement {
  readonly row: ChainRow;
  readonly kind: Statement["kind"];
  readonly name: string;
  /** The public key that was stored with a statement elsewhere. */
  readonly publicKey?: string;
}

export type HasValidSignature = (statement: Pick<NamedStatement, "row" | "kind" | "publicKey">) => boolean;

/** A signature is valid under one of the installation's keys. A public key that was stored with the statement must be the same. */
export const signedBy =
  (keys: readonly SigningKeyRow[]): HasValidSignature =>
  ({ row, kind, publicKey }) => {
    const key = keys.find(({ id }) => id === row.key_id)?.public_key;
    if (key === undefined || (publicKey !== undefined && publicKey !== key)) return false;
    return isSigned({ kind, organizationId: row.organization_id, number: row.number, hash: row.hash }, row, key);
  };

/** The section of a chain that statements are compared with. */
export interface ChainSection {
  /** The stored hashes of its records by their numbers. */
  readonly hashes: ReadonlyMap<number, string>;
  /** The number of the first record. For a statement about an older one, only the signature is verified. */
  readonly begins: number;
  readonly end: number;
}

/** Verifies the signature of a statement, and that the chain agrees with it. */
export function verifyStatement(statement: NamedStatement, { hashes, begins, end }: ChainSection, isSigned: HasValidSignature): Finding[] {
  const { row, name } = statement;
  if (!isSigned(statement)) return [finding("wrong_signature", row.number, `the signature of ${name} at ${row.number} is invalid`)];
  if (row.number < begins || hashes.get(row.number) === row.hash) return [];
  const change = hashes.has(row.number) ? "the record is another one now" : "the record is missing now";
  const text = row.number > end ? "the chain is shorter now" : change;
  return [finding("other_history", row.number, `${name} disagrees about record ${row.number}: ${text}`)];
}

/** Whether the signed total of chains and records is valid. Without a signing key nothing was appended yet, and no signature is needed. */
export function isTotalValid(total: (Total & Signed) | undefined, keys: readonly SigningKeyRow[]): boolean {
  if (total === undefined) return false;
  if (total.key_id === null) return total.records === 0 && keys.length === 0;
  const key = keys.find(({ id }) => id === total.key_id);
  return key !== undefined && isTotalSigned(total, total, key.public_key);
}
