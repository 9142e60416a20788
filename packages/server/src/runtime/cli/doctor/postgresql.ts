import { openPostgresql } from "../../../platform/database/postgresql.ts";
import type { Configuration } from "../../configuration.ts";
import { causeOf } from "../cause.ts";
import { bad, type DatabaseCheck, type Finding } from "./check.ts";
import { checkEngine } from "./engine.ts";
import { checkLogin } from "./login.ts";

/** What is asked of the database, one after the other on one connection. */
const databaseChecks: readonly DatabaseCheck[] = [checkEngine, checkLogin];

export async function checkPostgresql(configuration: Configuration): Promise<readonly Finding[]> {
  const { databaseUrl: url } = configuration;
  if (url === undefined) return [];
  const database = openPostgresql({ url, poolSize: 1 });
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
