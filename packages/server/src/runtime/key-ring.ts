import { aesKeys } from "../platform/keys/aes.ts";
import { decodeMasterKey, masterKeysFromFiles } from "../platform/keys/file.ts";
import type { KeyRing } from "../platform/keys/keys.ts";
import type { Configuration } from "./configuration.ts";

type Named = Pick<Configuration, "masterKey" | "masterKeysOld" | "dataDir">;

/** The keys that the configuration names; without GATEHOUSE_MASTER_KEY those of the data directory. */
export function keyRing({ masterKey, masterKeysOld, dataDir }: Named): KeyRing {
  const older = masterKeysOld.map((key) => decodeMasterKey(key, "GATEHOUSE_MASTER_KEYS_OLD"));
  if (masterKey !== undefined) return aesKeys(decodeMasterKey(masterKey, "GATEHOUSE_MASTER_KEY"), older);
  const { current, others } = masterKeysFromFiles(dataDir);
  return aesKeys(current, [...others, ...older]);
}
