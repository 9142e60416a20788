import { policies } from "#platform/resilience/policies.ts";
import type { Configuration } from "../../configuration.ts";
import { openStorage } from "../../storage.ts";
import { causeOf } from "../cause.ts";
import { bad, type DatabaseCheck, type Finding } from "./check.ts";
import { checkEngine } from "./engine.ts";
import { checkLogin } from "./login.ts";
import { checkMasterKey } from "./master-key.ts";
import { checkNames } from "./names.ts";

/** The checks of the database, one after the other on one connection. */
const databaseChecks: readonly DatabaseCheck[] = [checkEngine, checkLogin, checkMasterKey, checkNames];

export async function checkPostgresql(configuration: Configuration): Promise<readonly Finding[]> {
  if (configuration.databaseUrl === undefined) return [];
  const database = await openStorage(configuration, { poolSize: 1, ownerTimeoutMs: policies["postgresql.primary"].timeLimitMs });
  const findings: Finding[] = [];
  try {
    for (const check of databaseChecks) findings.push(...(await check(database, configuration)));
    return findings;
  } catch (error) {
    return [...findings, bad(`PostgreSQL does not answer: ${causeOf(error as Error)}`)];
  } finally {
    await database.close();
  }
}
