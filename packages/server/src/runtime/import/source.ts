import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Kysely, sql } from "kysely";
import type { AnyTables } from "#platform/database/database.ts";
import { migrate } from "#platform/database/migrations.ts";
import { openPglite } from "#platform/database/pglite.ts";
import { openPostgresql } from "#platform/database/postgresql.ts";
import { decodeMasterKey, masterKeyFile } from "#platform/keys/file.ts";
import { lockDataDir } from "../data-lock.ts";
import { schemaSteps } from "../modules.ts";
import { ImportRefused } from "./refused.ts";

/** An installation, opened read-only. */
export interface Source {
  readonly database: Kysely<AnyTables>;
  /** The master key in the data directory; undefined where the source has no such file. */
  readonly masterKey: Buffer | undefined;
  close(): Promise<void>;
}

/** Opens a data directory, or another PostgreSQL. Throws `DataDirectoryHeld` or {@link ImportRefused} where a server uses it. */
export const openSource = (from: string, schema?: string): Promise<Source> =>
  /^postgres(ql)?:\/\//.test(from) ? openServer(from, schema) : openDirectory(from);

/**
 * Works on a copy: opening a directory writes to it, and so does a migration. The directory stays locked until the end, so that no
 * server writes what the import would miss.
 */
async function openDirectory(dataDir: string): Promise<Source> {
  if (!existsSync(join(dataDir, "postgres"))) throw new ImportRefused(`${dataDir} is no data directory: it has no folder postgres.`);
  const lock = lockDataDir(dataDir, "no address: an import reads it");
  const copy = mkdtempSync(join(tmpdir(), "gatehouse-import-"));
  const cleanUp = () => {
    rmSync(copy, { recursive: true, force: true });
    lock.release();
  };
  try {
    cpSync(join(dataDir, "postgres"), join(copy, "postgres"), { recursive: true });
    const database = await openPglite(copy);
    const close = async () => {
      await database.close();
      cleanUp();
    };
    try {
      await migrate(database.owner, schemaSteps);
    } catch (error) {
      await database.close();
      throw error;
    }
    const file = masterKeyFile(dataDir);
    const masterKey = existsSync(file) ? decodeMasterKey(readFileSync(file, "utf8").trim(), file) : undefined;
    return { database: database.owner, masterKey, close };
  } catch (error) {
    cleanUp();
    throw error;
  }
}

async function openServer(url: string, schema: string | undefined): Promise<Source> {
  const database = openPostgresql({ url, schema, poolSize: 1 });
  try {
    await refuseWhileInUse(database.owner);
  } catch (error) {
    await database.close();
    throw error;
  }
  return { database: database.owner, masterKey: undefined, close: () => database.close() };
}

/** Writes of a server after the snapshot would be lost silently. */
async function refuseWhileInUse(db: Kysely<AnyTables>): Promise<void> {
  const { rows } = await sql<{ count: string }>`select count(*)::text as count from pg_stat_activity
    where datname = current_database() and application_name like 'gatehouse%' and pid <> pg_backend_pid()`.execute(db);
  if (rows[0]?.count !== "0")
    throw new ImportRefused("A server is connected to the source: stop it first, because its later writes would be lost.");
}
