import { parseArgs } from "node:util";
import type { KeyRing } from "#platform/keys/keys.ts";
import { createLogger } from "#platform/telemetry/logger.ts";
import { ConfigurationError, readConfiguration } from "../configuration.ts";
import { type ImportReport, importInstallation } from "../import/import.ts";
import { openSource } from "../import/source.ts";
import { keyRing } from "../key-ring.ts";
import { openStorage } from "../storage.ts";
import { type Command, UsageError } from "./command.ts";

export const importCommand: Command = {
  words: ["import"],
  usage: "gatehouse import --from <data directory | postgres://…> [--from-schema public]",
  does:
    "Move a whole installation into the empty PostgreSQL of DATABASE_URL.\n" +
    "Stop the source's servers first; the source is not changed. GATEHOUSE_MASTER_KEY is the source's. All or nothing:\n" +
    "everything is compared on both ends before the commit (docs/operations/README.md).",
  async run(args) {
    const { values } = parseArgs({ args: [...args], options: { from: { type: "string" }, "from-schema": { type: "string" } } });
    if (!values.from) throw new UsageError("--from is needed.");
    const configuration = readConfiguration(process.env);
    const { databaseUrl: url, masterKey } = configuration;
    const missing = [
      ...(url === undefined ? ["DATABASE_URL is not set: it names the database to import into."] : []),
      ...(masterKey === undefined ? ["GATEHOUSE_MASTER_KEY is not set: it is the source's, as in its data directory's master.key."] : []),
    ];
    if (url === undefined || missing.length > 0) throw new ConfigurationError(missing);
    if (values.from === url) throw new UsageError("The source is the target.");
    // The job queue's maintenance may find no connection while a large table is sorted. Errors of the import itself are thrown.
    const logger = createLogger({ level: "fatal", version: configuration.settings.version, environment: configuration.environment });
    const source = await openSource(values.from, values["from-schema"]);
    const database = await openStorage(configuration);
    try {
      const report = await importInstallation(
        source,
        { database, configuration, keys: keyRing(configuration).keys as KeyRing, logger },
        say,
      );
      say(`\n${tableOf(report)}`);
    } finally {
      await database.close();
      await source.close();
    }
  },
};

/** The compared tables, one line each, and the total. */
function tableOf({ tables, jobs, encryptedValues, seconds }: ImportReport): string {
  const wide = Math.max(...tables.map(({ table }) => table.length));
  const lines = tables.map(({ table, source, target }) => `${table.padEnd(wide)}  ${String(source.rows).padStart(9)}  ${target.digest}`);
  const rows = tables.reduce((sum, { source }) => sum + source.rows, 0);
  return [
    `${"table".padEnd(wide)}  ${"rows".padStart(9)}  digest, the same on both ends`,
    ...lines,
    `${rows} rows, ${jobs} waiting jobs, ${encryptedValues} encrypted values decrypted; ${seconds.toFixed(1)} s, ${Math.round(rows / seconds)} rows a second`,
  ].join("\n");
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
