import { type Keys, MasterKeyAbsent } from "#platform/keys/keys.ts";
import { keysOf } from "./person-keys.ts";
import { personalPurpose } from "./personal-encryption.ts";
import { hashOfPart } from "./record.ts";
import type { PersonalRow, StoredRecord } from "./store.ts";
import { type Finding, finding, keyAbsent } from "./verify-records.ts";

/**
 * Verifies that the personal data of records is stored unchanged, and can be decrypted unless its person was erased. A key that was
 * destroyed without a recorded erasure is a finding.
 */
export function verifyPersonal(rows: readonly StoredRecord[], stored: readonly PersonalRow[], keys: Keys): Finding[] {
  const byRecord = Map.groupBy(stored, ({ record_id }) => record_id);
  const decrypted = new Map<string, Keys>();
  return rows.flatMap((row) => {
    const parts = byRecord.get(row.id) ?? [];
    if (!isUnchanged(row, parts)) {
      return [finding("personal_data_changed", row.number, `the personal data of record ${row.number} was changed or deleted`)];
    }
    const failures = parts.flatMap((part) => (part.is_erased ? [] : (failureOf(part, keys, decrypted) ?? [])));
    if (failures.length === 0) return [];
    const absent = failures.find((failure) => failure instanceof MasterKeyAbsent);
    if (absent !== undefined) return [keyAbsent(`the key of the personal data of record ${row.number}`, absent, row.number)];
    const text = `the personal data of record ${row.number} cannot be decrypted, though its person was not erased: the key was changed or deleted`;
    return [finding("personal_data_changed", row.number, text)];
  });
}

/** The chain and number of a part must be the record's: retention removes parts by them. */
const isUnchanged = (row: StoredRecord, parts: readonly PersonalRow[]): boolean =>
  parts.length === row.personal_hashes.length &&
  parts.every(
    ({ part, key_id, ciphertext, organization_id, number }) =>
      hashOfPart(key_id, ciphertext) === row.personal_hashes[part] && organization_id === row.organization_id && number === row.number,
  );

/** Why a part cannot be decrypted; undefined if it can. */
function failureOf(
  { record_id, key_id, ciphertext, encrypted_key }: PersonalRow,
  keys: Keys,
  decrypted: Map<string, Keys>,
): Error | undefined {
  if (encrypted_key === null) return new Error("the key was deleted");
  let own = decrypted.get(key_id);
  try {
    own ??= keysOf({ id: key_id, encrypted_key }, keys);
  } catch (error) {
    return error as Error;
  }
  decrypted.set(key_id, own);
  try {
    own.decrypt(ciphertext, personalPurpose(record_id));
    return undefined;
  } catch {
    // The key row exists, but its key did not encrypt this part.
    return new Error("the key was changed");
  }
}
