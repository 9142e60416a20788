import { sql } from "kysely";
import { type Database, everyTenant } from "#platform/database/database.ts";
import { refuseOtherEngine } from "#platform/database/engine.ts";
import { StartRefused } from "#platform/start-refused.ts";
import type { DatabaseAddresses } from "./prepare-database.ts";
import { findMoved, refusalOfMoved } from "./rebase/moved.ts";

/**
 * Throws {@link StartRefused} where the product would give wrong answers on the database: a server that only imitates PostgreSQL,
 * or log positions of another cluster. Call it before any write, the migration included.
 */
export async function refuseUnfitDatabase(database: Database, { databaseUrl, databaseSchema }: DatabaseAddresses): Promise<void> {
  if (databaseUrl === undefined) return;
  await refuseOtherEngine(databaseUrl, databaseSchema);
  const refusal = await refusalOfPositions(database);
  if (refusal !== undefined) throw new StartRefused(refusal);
}

/** `prepareDatabase` reports a login that may not read the tables, with the SQL that grants it. */
const insufficientPrivilege = "42501";

/** Undefined where the positions belong to this cluster, and where the login may not read them. */
export async function refusalOfPositions(database: Database): Promise<string | undefined> {
  try {
    return await database.owner.transaction().execute(async (tx) => {
      // A login that is subject to row-level security sees no tenant's rows without the scope.
      await sql`select set_config('app.tenant', ${everyTenant.tenant}, true)`.execute(tx);
      return refusalOfMoved(await findMoved(tx));
    });
  } catch (error) {
    if ((error as { readonly code?: string }).code === insufficientPrivilege) return undefined;
    throw error;
  }
}
