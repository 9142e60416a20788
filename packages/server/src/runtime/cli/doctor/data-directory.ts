import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { hasCluster } from "#platform/database/data-folder.ts";
import type { Database } from "#platform/database/database.ts";
import { openPglite } from "#platform/database/pglite.ts";
import { StartRefused } from "#platform/start-refused.ts";
import type { Configuration } from "../../configuration.ts";
import { type DataLock, lockDataDir } from "../../data-lock.ts";
import { runningServer } from "../call-operation.ts";
import { bad, type Finding, good } from "./check.ts";
import { checkMasterKey } from "./master-key.ts";
import { checkNames } from "./names.ts";

export async function checkDataDirectory(configuration: Configuration): Promise<readonly Finding[]> {
  const { dataDir, databaseUrl } = configuration;
  if (databaseUrl !== undefined) return [];
  if (dataDir === "memory") return [good("storage in memory: nothing is persisted")];
  const holder = runningServer(configuration);
  if (holder) return [good(`a server runs on ${dataDir} (process ${holder.pid})`), await readiness(holder.url)];
  if (!existsSync(dataDir)) return [good(`${dataDir} does not exist yet; the first start creates it`)];
  const key = join(dataDir, "master.key");
  const findings = existsSync(key) && (statSync(key).mode & 0o077) !== 0 ? [bad(`${key} can be read by others: chmod 600 ${key}`)] : [];
  return [...findings, ...(await opened(configuration))];
}

/** Opens and closes the database as a start does. PostgreSQL may recover at that, as it would at the start. */
async function opened(configuration: Configuration): Promise<readonly Finding[]> {
  const { dataDir, diskReserveBytes: reserve, settings } = configuration;
  let lock: DataLock | undefined;
  let database: Database | undefined;
  try {
    lock = lockDataDir(dataDir, settings.publicUrl);
    if (!hasCluster(dataDir)) return [good(`${dataDir} can be written and has no database yet; the first start creates it`)];
    database = await openPglite(dataDir, { reserve });
    return [
      good(`${dataDir} can be read and written; no server runs on it`),
      ...(await checkMasterKey(database, configuration)),
      ...(await checkNames(database)),
    ];
  } catch (error) {
    if (error instanceof StartRefused) return [bad(error.message)];
    throw error;
  } finally {
    await database?.close();
    lock?.release();
  }
}

async function readiness(url: string): Promise<Finding> {
  try {
    const response = await fetch(new URL("/health/ready", url), { signal: AbortSignal.timeout(3_000) });
    return response.ok ? good(`it is ready at ${url}`) : bad(`it is not ready: ${await response.text()}`);
  } catch (error) {
    return bad(`it does not answer at ${url}: ${(error as Error).message}`);
  }
}
