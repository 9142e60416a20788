import type { Kysely } from "kysely";
import type { AnyTables, WriteHandle } from "#platform/database/database.ts";
import { masterKeyName } from "#platform/keys/aes.ts";
import type { KeyRing } from "#platform/keys/keys.ts";
import { MasterKeyRefused, presentFields, refuseOtherKeys } from "#platform/keys/known-keys.ts";
import { decryptAll } from "#platform/keys/reencrypt.ts";
import { encryptedFields } from "../modules.ts";
import { ImportRefused } from "./refused.ts";

/**
 * Encrypted values move unchanged, so the target must have the key that encrypted them. Decrypts every value as a proof. Without any, the
 * key of the data directory must be one of the target's. Returns the number of decrypted values.
 */
export async function refuseForeignKey(source: Kysely<AnyTables>, inFile: Buffer | undefined, keys: KeyRing): Promise<number> {
  try {
    await refuseOtherKeys(source, { keys, from: "GATEHOUSE_MASTER_KEY" }, encryptedFields);
  } catch (error) {
    if (!(error instanceof MasterKeyRefused)) throw error;
    throw new ImportRefused(`GATEHOUSE_MASTER_KEY does not decrypt the values of the source. ${error.message} ${remedy}`);
  }
  const places = await presentFields(source, encryptedFields);
  let opened: number;
  try {
    opened = await decryptAll(source as WriteHandle, places, keys);
  } catch {
    throw new ImportRefused(`GATEHOUSE_MASTER_KEY does not decrypt the values of the source. ${remedy}`);
  }
  if (opened === 0 && inFile !== undefined && !keys.names.includes(masterKeyName(inFile))) {
    throw new ImportRefused(`GATEHOUSE_MASTER_KEY is not the key of the source. ${remedy}`);
  }
  return opened;
}

const remedy =
  'Use the source\'s key: GATEHOUSE_MASTER_KEY="$(cat <data directory>/master.key)", or the variable that the source ran with; ' +
  "it can be changed afterwards (gatehouse keys rotate).";
