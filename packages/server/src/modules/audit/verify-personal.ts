import type { Keys } from "../../platform/keys/keys.ts";
import { keysOf } from "./person-keys.ts";
import { personalPurpose } from "./personal-sealer.ts";
import { hashOfPart } from "./record.ts";
import type { PersonalRow, StoredRecord } from "./store.ts";
import { type Finding, finding } from "./verify-records.ts";

/**
 * Whether the personal data of records are there as they were sealed, where their record is, and open as long as their person is not
 * erased: an erasure of which no record tells must not pass for one.
 */
export function verifyPersonal(rows: readonly StoredRecord[], kept: readonly PersonalRow[], keys: Keys): Finding[] {
  const byRecord = Map.groupBy(kept, ({ record_id }) => record_id);
  const opened = new Map<string, Keys>();
  return rows.flatMap((row) => {
    const parts = byRecord.get(row.id) ?? [];
    if (!isAsSealed(row, parts)) {
      return [finding("personal_data_changed", row.number, `the personal data of record ${row.number} was changed or deleted`)];
    }
    if (parts.every((part) => part.is_erased || opens(part, keys, opened))) return [];
    const text = `the personal data of record ${row.number} does not open, though its person was not erased: the key was changed or deleted`;
    return [finding("personal_data_changed", row.number, text)];
  });
}

/** In the part's own columns stand which chain it belongs to and up to which number it is removed: they are the record's. */
const isAsSealed = (row: StoredRecord, parts: readonly PersonalRow[]): boolean =>
  parts.length === row.personal_hashes.length &&
  parts.every(
    ({ part, key_id, sealed, organization_id, number }) =>
      hashOfPart(key_id, sealed) === row.personal_hashes[part] && organization_id === row.organization_id && number === row.number,
  );

function opens({ record_id, key_id, sealed, sealed_key }: PersonalRow, keys: Keys, opened: Map<string, Keys>): boolean {
  try {
    if (sealed_key === null) return false;
    const own = opened.get(key_id) ?? keysOf({ id: key_id, sealed_key }, keys);
    opened.set(key_id, own);
    own.open(sealed, personalPurpose(record_id));
    return true;
  } catch {
    return false;
  }
}
