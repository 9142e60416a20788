import { type Database, everyTenant } from "#platform/database/database.ts";
import { pendingSteps } from "#platform/database/migrations.ts";
import { isPooled } from "#platform/database/pooler.ts";
import { loginFacts } from "#platform/database/requirements.ts";
import type { Configuration } from "../../configuration.ts";
import { schemaSteps } from "../../modules.ts";
import { unmetRequirements } from "../../prepare-database.ts";
import { bad, type Finding, good, warning } from "./check.ts";

/** The requirements of a start on the server, the database and the login, with the remedy of each unmet one. */
export async function checkLogin(database: Database, configuration: Configuration): Promise<readonly Finding[]> {
  const unmet = await unmetRequirements(database, configuration);
  if (unmet.length > 0) return [good("PostgreSQL answers"), ...unmet.map(({ what, remedy }) => bad(`${what}: ${remedy}`))];
  const { bypasses, maySetRole } = await loginFacts(database.owner, configuration.databaseSchema);
  const pending = await pendingSteps(database.owner, schemaSteps);
  // As in each call: with its settings, and with the application's role where the login bypasses row-level security.
  if (!bypasses || maySetRole) await database.read(everyTenant, async () => {});
  return [
    good("PostgreSQL answers"),
    good(
      bypasses
        ? "the login bypasses row-level security; transactions step down to gatehouse_app"
        : "row-level security applies to the login",
    ),
    good(pending.length === 0 ? "the schema is up to date" : `${pending.length} steps of the schema are pending; a start applies them`),
    ...(await pooler(configuration)),
  ];
}

async function pooler({ databaseUrl, databaseDirectUrl }: Configuration): Promise<readonly Finding[]> {
  if (!(await isPooled(databaseUrl as string))) return [];
  return [
    databaseDirectUrl === undefined
      ? warning("DATABASE_URL leads to a pooler: jobs start up to two seconds late; set DATABASE_DIRECT_URL, so that the queue is notified")
      : good("DATABASE_URL leads to a pooler, and DATABASE_DIRECT_URL bypasses it"),
  ];
}
