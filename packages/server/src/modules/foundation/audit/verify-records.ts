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

/** The wrong key is at hand: nothing says that anything was changed. */
export const keyAbsent = (what: string, { keyName }: MasterKeyAbsent, number = 0): Finding =>
  finding("master_key_absent", number, `${what} is sealed with the master key ${keyName}, which is not here: docs/operations/keys.md`);

/** The verifier's position in a chain: the record before, with its stored hash. */
export interface Place {
  readonly number: number;
  readonly hash: string;
}

/**
 * Looks at the next records of a chain, in the order of their numbers, and says what is wrong with them and where it stands then.
 * It continues behind a finding from the stored hash, so that a fault is reported once and every other is found as well. `before` is the
 * record at `from`, where there is one: its own finding is not repeated for the record behind it.
 */
export function verifyRecords(
  rows: readonly StoredRecord[],
  from: Place,
  before?: StoredRecord,
): { readonly findings: readonly Finding[]; readonly place: Place } {
  const findings: Finding[] = [];
  const broken = new Set(rows.filter((row) => !isWhole(row)).map(({ number }) => number));
  if (before !== undefined && !isWhole(before)) broken.add(before.number);
  let place = from;
  let position = before === undefined || broken.has(before.number) ? undefined : BigInt(before.position);
  for (const row of rows) {
    const gap = row.number > place.number + 1;
    if (gap) {
      const [first, last] = [place.number + 1, row.number - 1];
      findings.push(finding("deleted", first, `${numbers(first, last)} deleted`, last));
    }
    if (broken.has(row.number)) findings.push(brokenFinding(row, rows, broken));
    // Whole in itself, but grown on another record than the one that stands before it.
    else if (!gap && row.previous_hash !== place.hash && !broken.has(place.number)) {
      findings.push(
        finding("changed", row.number, `record ${row.number} does not stand on the record before it: one of them was replaced`),
      );
    }
    place = { number: row.number, hash: row.hash };
    if (broken.has(row.number)) continue;
    // Lists and exports go by the position, which no hash covers.
    if (position !== undefined && BigInt(row.position) <= position) {
      findings.push(finding("reordered", row.number, `record ${row.number} is listed before one that it stands on: reordered`));
    }
    position = BigInt(row.position);
  }
  return { findings, place };
}

/** Whether a record is what its hash was made of. A time that is finer than ours, or none at all, was never in a hash. */
function isWhole(row: StoredRecord): boolean {
  if (!row.has_whole_times) return false;
  return hashOfRecord(row) === row.hash;
}

const numbers = (first: number, last: number): string =>
  first === last ? `record ${first} was` : `records ${first} to ${last} (${last - first + 1} of them) were`;

/** A record whose hash is not its own was changed, unless it is whole at another's place. */
function brokenFinding(row: StoredRecord, rows: readonly StoredRecord[], broken: ReadonlySet<number>): Finding {
  const home = row.has_whole_times ? homeOf(row, rows, broken) : undefined;
  return home === undefined
    ? finding("changed", row.number, `record ${row.number} was changed`)
    : finding("reordered", row.number, `at ${row.number} stands what was record ${home.number}: reordered`);
}

const homeOf = (row: StoredRecord, rows: readonly StoredRecord[], broken: ReadonlySet<number>): StoredRecord | undefined =>
  rows.find(({ number }) => number !== row.number && hashOfRecord({ ...row, number }) === row.hash) ??
  rows.find(
    (other) =>
      other !== row &&
      broken.has(other.number) &&
      hashOfRecord({ ...row, number: other.number, previous_hash: other.previous_hash }) === other.hash,
  );
