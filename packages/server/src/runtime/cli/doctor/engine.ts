import type { Database } from "#platform/database/database.ts";
import { readEngine, refusalOfEngine } from "#platform/database/engine.ts";
import type { Configuration } from "../../configuration.ts";
import { refusalOfPositions } from "../../fit-database.ts";
import { bad, type Finding, good } from "./check.ts";

/** Whether the server is a supported PostgreSQL, and the database was created in this cluster. */
export async function checkEngine(database: Database, { databaseUrl, databaseSchema }: Configuration): Promise<readonly Finding[]> {
  const refusal = refusalOfEngine(await readEngine(databaseUrl as string, databaseSchema));
  if (refusal !== undefined) return [bad(refusal)];
  const moved = await refusalOfPositions(database);
  return [moved === undefined ? good("the positions of the log are this PostgreSQL's own") : bad(moved)];
}
