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
    "Give a database that pg_dump or logical replication moved here positions of this PostgreSQL.\n" +
    "Every server is stopped; GATEHOUSE_MASTER_KEY is the installation's. All or nothing, and nothing where it is not needed\n" +
    "(docs/operations/backup.md).",
  async run() {
    const configuration = readConfiguration(process.env);
    const { databaseUrl: url, masterKey } = configuration;
    const missing = [
      ...(url === undefined ? ["DATABASE_URL is not set: embedded storage is moved with its directory and needs no rebase."] : []),
      ...(masterKey === undefined ? ["GATEHOUSE_MASTER_KEY is not set: it is the installation's, and signs its audit log."] : []),
    ];
    if (url === undefined || missing.length > 0) throw new ConfigurationError(missing);
    await refuseOtherEngine(url, configuration.databaseSchema);
    const keys = await prepare(configuration);
    const database = await openStorage(configuration, { poolSize: 1 });
    try {
      const { wasMoved, rows } = await rebase(database, keys, new Date(), say);
      if (!wasMoved) return say("The positions are this PostgreSQL's own. Nothing was changed.");
      const total = [...rows.values()].reduce((sum, count) => sum + count, 0);
      say(
        `${total} rows have positions of this PostgreSQL. Start the servers; \`gatehouse projection verify\` and \`gatehouse audit verify\` look at the result.`,
      );
    } finally {
      await database.close();
    }
  },
};

/** The schema and the keys, on connections that are closed afterwards: the rebase takes every other connection for a server's. */
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
