import type { Logger } from "pino";
import { inProcessBus } from "../platform/bus/in-process.ts";
import { inProcessCache } from "../platform/cache/in-process.ts";
import { type Clock, systemClock } from "../platform/clock.ts";
import type { Database } from "../platform/database/database.ts";
import { migrate } from "../platform/database/migrations.ts";
import { openPglite } from "../platform/database/pglite.ts";
import { openPostgresql } from "../platform/database/postgresql.ts";
import { pgBossJobs } from "../platform/jobs/pg-boss.ts";
import { aesKeys } from "../platform/keys/aes.ts";
import { decodeMasterKey, masterKeyFromFile } from "../platform/keys/file.ts";
import { inProcessLimits } from "../platform/limits/limits.ts";
import { LogFollower } from "../platform/log/follower.ts";
import { type DevelopmentInbox, developmentInbox } from "../platform/mail/inbox.ts";
import { smtpMail } from "../platform/mail/smtp.ts";
import type { Platform } from "../platform/platform.ts";
import { createLogger } from "../platform/telemetry/logger.ts";
import { createMetrics } from "../platform/telemetry/metrics.ts";
import type { Configuration } from "./configuration.ts";
import { schemaSteps } from "./modules.ts";

/** What a test hands in instead of what the configuration would open. */
export interface Overrides {
  readonly logger?: Logger;
  readonly clock?: Clock;
  /** A migrated PGlite to begin from. */
  readonly image?: Blob;
}

export interface Ports {
  readonly platform: Platform;
  readonly inbox: DevelopmentInbox | undefined;
  close(): Promise<void>;
}

/** Opens each port with the adapter that the configuration asks for. The database is migrated when this returns. */
export async function openPorts(configuration: Configuration, queues: readonly string[], overrides: Overrides = {}): Promise<Ports> {
  const { settings } = configuration;
  const logger =
    overrides.logger ?? createLogger({ level: configuration.logLevel, version: settings.version, environment: configuration.environment });
  const database = await openDatabase(configuration, logger, overrides);
  try {
    await migrate(database.owner, schemaSteps);
    const inbox = configuration.smtpUrl === undefined ? developmentInbox(database) : undefined;
    const masterKey =
      configuration.masterKey === undefined
        ? masterKeyFromFile(configuration.dataDir)
        : decodeMasterKey(configuration.masterKey, "GATEHOUSE_MASTER_KEY");
    const log = new LogFollower(database, logger);
    const platform: Platform = {
      database,
      log,
      cache: inProcessCache(),
      bus: inProcessBus(database, logger),
      jobs: await pgBossJobs(database, configuration.databaseUrl, queues, logger),
      mail: inbox ?? smtpMail(configuration.smtpUrl as string, configuration.mailFrom),
      keys: aesKeys(masterKey),
      limits: inProcessLimits(),
      logger,
      metrics: createMetrics(),
      clock: overrides.clock ?? systemClock,
      settings,
    };
    return { platform, inbox, close: () => closeAll(platform) };
  } catch (error) {
    await database.close();
    throw error;
  }
}

function openDatabase(configuration: Configuration, logger: Logger, overrides: Overrides): Promise<Database> | Database {
  if (configuration.databaseUrl === undefined) return openPglite(configuration.dataDir, overrides.image);
  return openPostgresql({
    url: configuration.databaseUrl,
    readUrl: configuration.databaseReadUrl,
    onIdleError: (error) => logger.warn({ err: error }, "an idle database connection was lost"),
  });
}

/** What hands work out closes before what the work stands on. */
async function closeAll({ bus, jobs, log, mail, cache, database }: Platform): Promise<void> {
  await bus.close();
  await jobs.close();
  await log.stop();
  await mail.close();
  await cache.close();
  await database.close();
}
