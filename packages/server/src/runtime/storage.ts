import type { Logger } from "pino";
import type { Database } from "#platform/database/database.ts";
import { openPglite } from "#platform/database/pglite.ts";
import { openPostgresql } from "#platform/database/postgresql.ts";
import type { Configuration } from "./configuration.ts";

export interface StorageOptions {
  readonly logger?: Logger;
  /** A migrated PGlite to start from. */
  readonly image?: Blob | undefined;
  readonly poolSize?: number;
  /** Time limit of a statement of the owner; none when absent. */
  readonly ownerTimeoutMs?: number;
}

type Addresses = Pick<
  Configuration,
  "databaseUrl" | "databaseReadUrl" | "databaseDirectUrl" | "databaseSchema" | "databasePool" | "dataDir" | "diskReserveBytes"
>;

/** Opens the configured database, for every command and every start. */
export function openStorage(configuration: Addresses, options: StorageOptions = {}): Promise<Database> | Database {
  const { databaseUrl, databaseReadUrl, databaseDirectUrl, databaseSchema, databasePool, dataDir } = configuration;
  const { logger, image, ownerTimeoutMs } = options;
  if (databaseUrl === undefined) return openPglite(dataDir, { image, reserve: configuration.diskReserveBytes });
  return openPostgresql({
    url: databaseUrl,
    readUrl: databaseReadUrl,
    directUrl: databaseDirectUrl,
    schema: databaseSchema,
    poolSize: options.poolSize ?? databasePool,
    ...(ownerTimeoutMs === undefined ? {} : { ownerTimeoutMs }),
    ...(logger && { onIdleError: (error) => logger.warn({ err: error }, "an idle database connection was lost") }),
  });
}
