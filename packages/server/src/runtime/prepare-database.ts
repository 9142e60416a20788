import type { Logger } from "pino";
import { createApplicationRole, grantApplication } from "../platform/database/application-role.ts";
import type { Database } from "../platform/database/database.ts";
import { type MigrationReport, migrate, pendingSteps } from "../platform/database/migrations.ts";
import { isPooled } from "../platform/database/pooler.ts";
import { loginFacts, mayNotChange, type Unmet, unmetByLogin, unmetByServer, unmetByTables } from "../platform/database/requirements.ts";
import { pgBossJobs } from "../platform/jobs/pg-boss.ts";
import { isJobsSchemaCurrent, unmetByJobs } from "../platform/jobs/schema.ts";
import { StartRefused } from "../platform/start-refused.ts";
import type { Configuration } from "./configuration.ts";
import { queues, schemaSteps, withheldRights } from "./modules.ts";

/** The part of the configuration that says where the database is. */
export type DatabaseAddresses = Pick<Configuration, "databaseUrl" | "databaseDirectUrl" | "databaseSchema">;

/** What a start with this configuration would lack. Changes nothing; the doctor asks the same. */
export async function unmetRequirements(database: Database, configuration: DatabaseAddresses): Promise<readonly Unmet[]> {
  if (database.kind === "pglite") return [];
  const { databaseSchema: schema, databaseDirectUrl } = configuration;
  const { owner } = database;
  const facts = await loginFacts(owner, schema);
  const unmet = [...unmetByServer(facts), ...unmetByLogin(facts, schema)];
  if (databaseDirectUrl !== undefined && (await isPooled(databaseDirectUrl))) {
    unmet.push({ what: "DATABASE_DIRECT_URL leads to a pooler", remedy: "name the server itself there" });
  }
  if (unmet.length > 0) return unmet;
  const pending = await pendingSteps(owner, schemaSteps);
  const tables = facts.mayChangeSchema
    ? []
    : pending.length > 0
      ? [mayNotChange(facts, schema, pending.length)]
      : await unmetByTables(owner, facts, schema);
  return [...tables, ...(await unmetByJobs(owner, facts))];
}

/** Throws {@link StartRefused} with everything that is missing, and what mends each of it, in one line. */
export async function refuseUnmet(database: Database, configuration: DatabaseAddresses): Promise<void> {
  const unmet = await unmetRequirements(database, configuration);
  if (unmet.length === 0) return;
  const lines = unmet.map(({ what, remedy }) => `${what} (${remedy})`);
  throw new StartRefused(
    `The database of DATABASE_URL is not as a start needs it: ${lines.join("; ")}. docs/operations/deployment.md has more.`,
  );
}

/**
 * Brings the database to this release: the schema, the application's role and the job queue's schema. What a login lacks is said before
 * anything is changed. Where all is there already nothing is changed, so a login without rights to change it will do.
 */
export async function prepareDatabase(database: Database, configuration: DatabaseAddresses, logger: Logger): Promise<MigrationReport> {
  if (database.kind === "pglite") return migrate(database.owner, schemaSteps);
  await refuseUnmet(database, configuration);
  const { databaseSchema: schema, databaseUrl: url, databaseDirectUrl: directUrl } = configuration;
  const { owner } = database;
  const { bypasses, maySetRole, mayChangeSchema } = await loginFacts(owner, schema);
  if (bypasses && !maySetRole) await createApplicationRole(owner);
  const report = await migrate(owner, schemaSteps);
  if (!mayChangeSchema) return report;
  if (!(await isJobsSchemaCurrent(owner)))
    await (await pgBossJobs(database, queues, logger, { url, directUrl, schema, works: false })).close();
  await grantApplication(owner, withheldRights);
  return report;
}
