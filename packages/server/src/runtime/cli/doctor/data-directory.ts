import { accessSync, constants, existsSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Configuration } from "../../configuration.ts";
import { runningServer } from "../reach.ts";
import { bad, type Finding, good } from "./check.ts";

export async function checkDataDirectory(configuration: Configuration): Promise<readonly Finding[]> {
  const { dataDir, databaseUrl } = configuration;
  if (databaseUrl !== undefined) return [];
  if (dataDir === "memory") return [good("storage in memory: nothing is kept")];
  const holder = runningServer(configuration);
  if (holder) return [good(`a server runs on ${dataDir} (process ${holder.pid})`), await readiness(holder.url)];
  if (!existsSync(dataDir)) return [good(`${dataDir} does not exist yet; the first start makes it`)];
  const findings: Finding[] = [];
  try {
    accessSync(dataDir, constants.R_OK | constants.W_OK);
    findings.push(good(`${dataDir} can be read and written; no server runs on it`));
  } catch {
    findings.push(bad(`${dataDir} cannot be read and written by this user`));
  }
  const key = join(dataDir, "master.key");
  if (existsSync(key) && (statSync(key).mode & 0o077) !== 0) findings.push(bad(`${key} can be read by others: chmod 600 ${key}`));
  return findings;
}

async function readiness(url: string): Promise<Finding> {
  try {
    const response = await fetch(new URL("/health/ready", url), { signal: AbortSignal.timeout(3_000) });
    return response.ok ? good(`it is ready at ${url}`) : bad(`it is not ready: ${await response.text()}`);
  } catch (error) {
    return bad(`it does not answer at ${url}: ${(error as Error).message}`);
  }
}
