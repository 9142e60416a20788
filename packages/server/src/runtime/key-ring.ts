import { type Database, everyTenant } from "#platform/database/database.ts";
import { aesKeys } from "#platform/keys/aes.ts";
import { decodeMasterKey, makeMasterKey, masterKeyFile, masterKeysFromFiles } from "#platform/keys/file.ts";
import type { KeyRing } from "#platform/keys/keys.ts";
import { type KeyRingSource, recordKey, refuseOtherKeys } from "#platform/keys/known-keys.ts";
import type { Configuration } from "./configuration.ts";
import { encryptedFields } from "./modules.ts";

type Named = Pick<Configuration, "masterKey" | "masterKeysOld" | "dataDir">;

/** The keys of the configuration; without GATEHOUSE_MASTER_KEY those of the data directory, which may have none. */
export function keyRing({ masterKey, masterKeysOld, dataDir }: Named): KeyRingSource {
  const older = masterKeysOld.map((key) => decodeMasterKey(key, "GATEHOUSE_MASTER_KEYS_OLD"));
  if (masterKey !== undefined) {
    return { keys: aesKeys(decodeMasterKey(masterKey, "GATEHOUSE_MASTER_KEY"), older), from: "GATEHOUSE_MASTER_KEY" };
  }
  const from = dataDir === "memory" ? "GATEHOUSE_DATA_DIR=memory, which stores none" : masterKeyFile(dataDir);
  const found = masterKeysFromFiles(dataDir);
  return { keys: found && aesKeys(found.current, [...found.others, ...older]), from };
}

/**
 * Opens the keys for a migrated database. Generates a key only for a database without encrypted values. Throws `MasterKeyRefused`
 * where the database was encrypted with a key that is missing.
 */
export async function openKeyRing(database: Database, configuration: Named): Promise<KeyRing> {
  const source = keyRing(configuration);
  // A transaction on the primary: a replica may lag behind the insert of a new key.
  const { isCurrentKnown } = await database.transact(everyTenant, (tx) => refuseOtherKeys(tx, source, encryptedFields));
  if (source.keys !== undefined && isCurrentKnown) return source.keys;
  const keys = source.keys ?? aesKeys(makeMasterKey(configuration.dataDir));
  await recordKey(database, { keys, from: source.from });
  return keys;
}
