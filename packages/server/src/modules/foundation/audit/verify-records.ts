import { oneOf, type Static, Type } from "#operation/declaration/schema.ts";
import type { MasterKeyAbsent } from "#platform/keys/keys.ts";
import { hashOfRecord } from "./record.ts";
import type { StoredRecord } from "./store.ts";

/** What is wrong with a chain, and at which of its numbers. */
export const Finding = Type.Object({
  kind: oneOf(
    "changed",
    "deleted",
    "reordered",
    "missing_at_the_end",
    "before_the_beginning",
    "beyond_the_head",
    "wrong_signature",
    "other_history",
    "personal_data_changed",
    "erased_without_record",
    "unrecorded",
    "dead_lettered",
    "master_key_absent",
  ),
  number: Type.Integer(),
  /** The last of several numbers in a row. */
  through: Type.Integer(),
  text: Type.String(),
});
export type Finding = Static<typeof Finding>;

export const finding = (kind: Finding["kind"], number: number, text: string, through = number): Finding => ({
  kind,
  number,
  through,
  text,
});

/** Reports a missing master key. It is no evidence that anything was changed. */
export const keyAbsent = (what: string, { keyName }: MasterKeyAbsent, number = 0): Finding =>
  finding("master_key_absent", number, `${what} is encrypted with the master key ${keyName}, which is not here: docs/operations/keys.md`);

/** A position in a chain: the number of the last verified record, with its stored hash. */
export interface ChainPosition {
  readonly number: number;
  readonly hash: string;
}

/**
 * Verifies the next records of a chain, in the order of their numbers. Returns the findings and the position after the last record.
 * After a finding it continues from the stored hash, so each change is reported once and later ones are still found. `before` is the
 * record at `from`, if there is one: its own finding is not repeated for the next record.
 */
export function verifyRecords(
  rows: readonly StoredRecord[],
  from: ChainPosition,
  before?: StoredRecord,
): { readonly findings: readonly Finding[]; readonly position: ChainPosition } {
  const findings: Finding[] = [];
  const broken = new Set(rows.filter((row) => !isWhole(row)).map(({ number }) => number));
  if (before !== undefined && !isWhole(before)) broken.add(before.number);
  let last = from;
  let listPosition = before === undefined || broken.has(before.number) ? undefined : BigInt(before.position);
  for (const row of rows) {
    const gap = row.number > last.number + 1;
    if (gap) {
      const [from, through] = [last.number + 1, row.number - 1];
      findings.push(finding("deleted", from, `${numbers(from, through)} deleted`, through));
    }
    if (broken.has(row.number)) findings.push(brokenFinding(row, rows, broken));
    // The record's own hash is right, but its previous hash is not that of the record before it.
    else if (!gap && row.previous_hash !== last.hash && !broken.has(last.number)) {
      findings.push(
        finding("changed", row.number, `record ${row.number} does not continue the record before it: one of them was replaced`),
      );
    }
    last = { number: row.number, hash: row.hash };
    if (broken.has(row.number)) continue;
    // Lists and exports are ordered by this position, which no hash covers.
    if (listPosition !== undefined && BigInt(row.position) <= listPosition) {
      findings.push(
        finding("reordered", row.number, `record ${row.number} is listed before a record that precedes it in the chain: reordered`),
      );
    }
    listPosition = BigInt(row.position);
  }
  return { findings, position: last };
}

/** Whether the record matches its hash. Hashed times are finite and have milliseconds: any other time was changed. */
function isWhole(row: StoredRecord): boolean {
  if (!row.has_whole_times) return false;
  return hashOfRecord(row) === row.hash;
}

const numbers = (first: number, last: number): string =>
  first === last ? `record ${first} was` : `records ${first} to ${last} (${last - first + 1} of them) were`;

/** A record that does not match its hash was changed, or moved from another number. */
function brokenFinding(row: StoredRecord, rows: readonly StoredRecord[], broken: ReadonlySet<number>): Finding {
  const origin = row.has_whole_times ? originOf(row, rows, broken) : undefined;
  return origin === undefined
    ? finding("changed", row.number, `record ${row.number} was changed`)
    : finding("reordered", row.number, `record ${row.number} was record ${origin.number}: reordered`);
}

const originOf = (row: StoredRecord, rows: readonly StoredRecord[], broken: ReadonlySet<number>): StoredRecord | undefined =>
  rows.find(({ number }) => number !== row.number && hashOfRecord({ ...row, number }) === row.hash) ??
  rows.find(
    (other) =>
      other !== row &&
      broken.has(other.number) &&
      hashOfRecord({ ...row, number: other.number, previous_hash: other.previous_hash }) === other.hash,
  );
