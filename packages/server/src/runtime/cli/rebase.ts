import { refuseOtherEngine } from "#platform/database/engine.ts";
import type { KeyRing } from "#platform/keys/keys.ts";
import { type Configuration, ConfigurationError, readConfiguration } from "../configuration.ts";
import { openKeyRing } from "../key-ring.ts";
import { openLogger } from "../ports.ts";
import { prepareDatabase } from "../prepare-database.ts";
import { rebase } from "../rebase/rebase.ts";
import { openStorage } from "../storage.ts";
import type { Command } from "./command.ts";

export const rebaseCommand: Command = {
  words: ["rebase"],
  usage: "gatehouse rebase",
  does:
    "Give the log positions of a database that pg_dump or logical replication moved here transaction ids of this PostgreSQL.\n" +
    "Stop every server first; GATEHOUSE_MASTER_KEY is the installation's. All or nothing, and nothing where it is not needed\n" +
    "(docs/operations/backup.md).",
  async run() {
    const configuration = readConfiguration(process.env);
    const { databaseUrl: url, masterKey } = configuration;
    const missing = [
      ...(url === undefined ? ["DATABASE_URL is not set: embedded storage moves with its directory and needs no rebase."] : []),
      ...(masterKey === undefined ? ["GATEHOUSE_MASTER_KEY is not set: it is the installation's, and signs its audit log."] : []),
    ];
    if (url === undefined || missing.length > 0) throw new ConfigurationError(missing);
    await refuseOtherEngine(url, configuration.databaseSchema);
    const keys = await prepare(configuration);
    const database = await openStorage(configuration, { poolSize: 1 });
    try {
      const { wasMoved, rows } = await rebase(database, keys, new Date(), say);
      if (!wasMoved) return say("The positions belong to this PostgreSQL. Nothing was changed.");
      const total = [...rows.values()].reduce((sum, count) => sum + count, 0);
      say(
        `${total} rows have positions of this PostgreSQL. Start the servers; \`gatehouse projection verify\` and \`gatehouse audit verify\` check the result.`,
      );
    } finally {
      await database.close();
    }
  },
};

/** Migrates and opens the keys on connections that are closed afterwards: the rebase treats every other connection as a server's. */
async function prepare(configuration: Configuration): Promise<KeyRing> {
  const database = await openStorage(configuration, { poolSize: 1 });
  try {
    await prepareDatabase(database, configuration, openLogger({ ...configuration, logLevel: "error" }));
    return await openKeyRing(database, configuration);
  } finally {
    await database.close();
  }
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
