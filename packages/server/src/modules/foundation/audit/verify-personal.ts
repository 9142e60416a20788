import { type Keys, MasterKeyAbsent } from "#platform/keys/keys.ts";
import { keysOf } from "./person-keys.ts";
import { personalPurpose } from "./personal-encryption.ts";
import { hashOfPart } from "./record.ts";
import type { PersonalRow, StoredRecord } from "./store.ts";
import { type Finding, finding, keyAbsent } from "./verify-records.ts";

/**
 * Verifies that the personal data of records are stored as they were encrypted, and can be decrypted unless their person was erased: a key
 * that was destroyed without a recorded erasure must not pass for one.
 */
export function verifyPersonal(rows: readonly StoredRecord[], stored: readonly PersonalRow[], keys: Keys): Finding[] {
  const byRecord = Map.groupBy(stored, ({ record_id }) => record_id);
  const opened = new Map<string, Keys>();
  return rows.flatMap((row) => {
    const parts = byRecord.get(row.id) ?? [];
    if (!isUnchanged(row, parts)) {
      return [finding("personal_data_changed", row.number, `the personal data of record ${row.number} was changed or deleted`)];
    }
    const failures = parts.flatMap((part) => (part.is_erased ? [] : (failureOf(part, keys, opened) ?? [])));
    if (failures.length === 0) return [];
    const absent = failures.find((failure) => failure instanceof MasterKeyAbsent);
    if (absent !== undefined) return [keyAbsent(`the key of the personal data of record ${row.number}`, absent, row.number)];
    const text = `the personal data of record ${row.number} does not open, though its person was not erased: the key was changed or deleted`;
    return [finding("personal_data_changed", row.number, text)];
  });
}

/** In the part's own columns stand which chain it belongs to and up to which number it is removed: they are the record's. */
const isUnchanged = (row: StoredRecord, parts: readonly PersonalRow[]): boolean =>
  parts.length === row.personal_hashes.length &&
  parts.every(
    ({ part, key_id, sealed, organization_id, number }) =>
      hashOfPart(key_id, sealed) === row.personal_hashes[part] && organization_id === row.organization_id && number === row.number,
  );

/** Why a part does not open; undefined where it does. */
function failureOf({ record_id, key_id, sealed, sealed_key }: PersonalRow, keys: Keys, opened: Map<string, Keys>): Error | undefined {
  if (sealed_key === null) return new Error("the key was deleted");
  let own = opened.get(key_id);
  try {
    own ??= keysOf({ id: key_id, sealed_key }, keys);
  } catch (error) {
    return error as Error;
  }
  opened.set(key_id, own);
  try {
    own.decrypt(sealed, personalPurpose(record_id));
    return undefined;
  } catch {
    // Its own key is at hand and is another one than it names.
    return new Error("the key was changed");
  }
}
