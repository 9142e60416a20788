import type { Kysely } from "kysely";
import type { AnyTables, WriteHandle } from "#platform/database/database.ts";
import { masterKeyName } from "#platform/keys/aes.ts";
import type { KeyRing } from "#platform/keys/keys.ts";
import { MasterKeyRefused, presentPlaces, refuseOtherKeys } from "#platform/keys/known-keys.ts";
import { openAll } from "#platform/keys/reseal.ts";
import { sealedPlaces } from "../modules.ts";
import { ImportRefused } from "./refused.ts";

/**
 * Sealed values move as they are, so the target must have the key that sealed them. Every one is opened; where there is none,
 * the key in the data directory must be among the target's. Returns how many were opened.
 */
export async function refuseForeignKey(source: Kysely<AnyTables>, inFile: Buffer | undefined, keys: KeyRing): Promise<number> {
  try {
    await refuseOtherKeys(source, { keys, from: "GATEHOUSE_MASTER_KEY" }, sealedPlaces);
  } catch (error) {
    if (!(error instanceof MasterKeyRefused)) throw error;
    throw new ImportRefused(`GATEHOUSE_MASTER_KEY does not open what the source has sealed. ${error.message} ${howToTakeTheKeyAlong}`);
  }
  const places = await presentPlaces(source, sealedPlaces);
  let opened: number;
  try {
    opened = await openAll(source as WriteHandle, places, keys);
  } catch {
    throw new ImportRefused(`GATEHOUSE_MASTER_KEY does not open what the source has sealed. ${howToTakeTheKeyAlong}`);
  }
  if (opened === 0 && inFile !== undefined && !keys.names.includes(masterKeyName(inFile))) {
    throw new ImportRefused(`GATEHOUSE_MASTER_KEY is not the key of the source. ${howToTakeTheKeyAlong}`);
  }
  return opened;
}

const howToTakeTheKeyAlong =
  'Take the source\'s key along: GATEHOUSE_MASTER_KEY="$(cat <data directory>/master.key)", or the variable that the source ran with; ' +
  "it can be changed afterwards (gatehouse keys rotate).";
