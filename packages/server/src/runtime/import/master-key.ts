import type { Kysely } from "kysely";
import type { AnyTables, WriteHandle } from "#platform/database/database.ts";
import { masterKeyName } from "#platform/keys/aes.ts";
import type { KeyRing } from "#platform/keys/keys.ts";
import { MasterKeyRefused, presentFields, refuseOtherKeys } from "#platform/keys/known-keys.ts";
import { decryptAll } from "#platform/keys/reencrypt.ts";
import { encryptedFields } from "../modules.ts";
import { ImportRefused } from "./refused.ts";

/**
 * Encrypted values move as they are, so the target must have the key that encrypted them. Every one is decrypted; where there is none,
 * the key in the data directory must be among the target's. Returns how many were decrypted.
 */
export async function refuseForeignKey(source: Kysely<AnyTables>, inFile: Buffer | undefined, keys: KeyRing): Promise<number> {
  try {
    await refuseOtherKeys(source, { keys, from: "GATEHOUSE_MASTER_KEY" }, encryptedFields);
  } catch (error) {
    if (!(error instanceof MasterKeyRefused)) throw error;
    throw new ImportRefused(
      `GATEHOUSE_MASTER_KEY does not decrypt what the source has encrypted. ${error.message} ${howToTakeTheKeyAlong}`,
    );
  }
  const places = await presentFields(source, encryptedFields);
  let opened: number;
  try {
    opened = await decryptAll(source as WriteHandle, places, keys);
  } catch {
    throw new ImportRefused(`GATEHOUSE_MASTER_KEY does not decrypt what the source has encrypted. ${howToTakeTheKeyAlong}`);
  }
  if (opened === 0 && inFile !== undefined && !keys.names.includes(masterKeyName(inFile))) {
    throw new ImportRefused(`GATEHOUSE_MASTER_KEY is not the key of the source. ${howToTakeTheKeyAlong}`);
  }
  return opened;
}

const howToTakeTheKeyAlong =
  'Take the source\'s key along: GATEHOUSE_MASTER_KEY="$(cat <data directory>/master.key)", or the variable that the source ran with; ' +
  "it can be changed afterwards (gatehouse keys rotate).";
