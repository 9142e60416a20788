import { sql } from "kysely";
import { type Database, everyTenant } from "#platform/database/database.ts";
import { MasterKeyRefused, refuseOtherKeys } from "#platform/keys/known-keys.ts";
import type { Configuration } from "../../configuration.ts";
import { keyRing } from "../../key-ring.ts";
import { encryptedFields } from "../../modules.ts";
import { bad, type Finding, good } from "./check.ts";

/** Whether the configured master key is the one that encrypted the database. */
export async function checkMasterKey(database: Database, configuration: Configuration): Promise<readonly Finding[]> {
  const { rows } = await sql<{ present: boolean }>`select to_regclass('master_keys') is not null as present`.execute(database.owner);
  if (!rows[0]?.present) return [];
  const source = keyRing(configuration);
  try {
    const { isUnused } = await database.transact(everyTenant, (tx) => refuseOtherKeys(tx, source, encryptedFields));
    return [good(isUnused ? "the database has encrypted nothing yet: any master key will do" : "the master key is the database's")];
  } catch (error) {
    if (error instanceof MasterKeyRefused) return [bad(error.message)];
    throw error;
  }
}
