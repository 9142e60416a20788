import type { Logger } from "pino";
import { createApplicationRole, grantApplication } from "#platform/database/application-role.ts";
import type { Database } from "#platform/database/database.ts";
import { type MigrationReport, migrate, pendingSteps } from "#platform/database/migrations.ts";
import { destinationOf } from "#platform/database/pooler.ts";
import { loginFacts, mayNotChange, type Unmet, unmetByLogin, unmetByServer, unmetByTables } from "#platform/database/requirements.ts";
import { pgBossJobs } from "#platform/jobs/pg-boss.ts";
import { isJobsSchemaCurrent, unmetByJobs } from "#platform/jobs/schema.ts";
import { policies } from "#platform/resilience/policies.ts";
import { StartRefused } from "#platform/start-refused.ts";
import { Unavailable } from "#platform/unavailable.ts";
import { within } from "#platform/waiting.ts";
import type { Configuration } from "./configuration.ts";
import { queues, schemaSteps, withheldRights } from "./modules.ts";

/** The configuration of the database's address. */
export type DatabaseAddresses = Pick<Configuration, "databaseUrl" | "databaseDirectUrl" | "databaseSchema">;

/** The requirements of a start that the database does not meet. Changes nothing; the doctor runs the same checks. */
export async function unmetRequirements(database: Database, configuration: DatabaseAddresses): Promise<readonly Unmet[]> {
  if (database.kind === "pglite") return [];
  const { databaseSchema: schema } = configuration;
  const { owner } = database;
  const facts = await loginFacts(owner, schema);
  const unmet = [...unmetByServer(facts), ...unmetByLogin(facts, schema), ...(await unmetByAddresses(configuration))];
  if (unmet.length > 0) return unmet;
  const pending = await pendingSteps(owner, schemaSteps);
  const tables = facts.mayChangeSchema
    ? []
    : pending.length > 0
      ? [mayNotChange(facts, schema, pending.length)]
      : await unmetByTables(owner, facts, schema);
  return [...tables, ...(await unmetByJobs(owner, facts))];
}

/** The direct address must name the same database and login, and bypass the pooler. */
async function unmetByAddresses({ databaseUrl, databaseDirectUrl }: DatabaseAddresses): Promise<readonly Unmet[]> {
  if (databaseUrl === undefined || databaseDirectUrl === undefined) return [];
  const [own, direct] = await Promise.all([destinationOf(databaseUrl), destinationOf(databaseDirectUrl)]);
  if (direct.pooled) return [{ what: "DATABASE_DIRECT_URL leads to a pooler", remedy: "set it to the address of the server itself" }];
  if (direct.identity === own.identity) return [];
  return [{ what: "DATABASE_DIRECT_URL names another database or login than DATABASE_URL", remedy: "name the same in both" }];
}

/** Statements of the owner have no time limit, so this detects a frozen server. */
const withinLimit = <T>(answer: Promise<T>): Promise<T> => {
  const limitMs = policies["postgresql.primary"].timeLimitMs;
  const late = `no answer within ${limitMs / 1_000} seconds`;
  return within(limitMs, late, answer).catch((error: Error) => {
    throw error.message === late ? new Unavailable("database", error, "timeout") : error;
  });
};

/** Throws {@link StartRefused} with each unmet requirement and its remedy, in one line. */
export async function refuseUnmet(database: Database, configuration: DatabaseAddresses): Promise<void> {
  const unmet = await withinLimit(unmetRequirements(database, configuration));
  if (unmet.length === 0) return;
  const lines = unmet.map(({ what, remedy }) => `${what} (${remedy})`);
  throw new StartRefused(
    `The database of DATABASE_URL does not meet the requirements of a start: ${lines.join("; ")}. See docs/operations/deployment.md.`,
  );
}

/**
 * Migrates the database to this release: the schema, the application's role and the job queue's schema. Missing rights of the login are
 * reported before any change. A database that is up to date is not changed, so a login without the rights to change it suffices.
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
