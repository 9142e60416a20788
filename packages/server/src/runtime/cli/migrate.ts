import { pendingSteps } from "#platform/database/migrations.ts";
import { readConfiguration } from "../configuration.ts";
import { lockDataDir } from "../data-lock.ts";
import { refuseUnfitDatabase } from "../fit-database.ts";
import { schemaSteps } from "../modules.ts";
import { openLogger } from "../ports.ts";
import { prepareDatabase, refuseUnmet } from "../prepare-database.ts";
import { openStorage } from "../storage.ts";
import type { Command } from "./command.ts";
import { runningServer } from "./reach.ts";

export const migrateCommand: Command = {
  words: ["migrate"],
  usage: "gatehouse migrate",
  does: "Bring the database's schema to this release.\nA start does it too; two at once do it once.",
  async run() {
    const configuration = readConfiguration(process.env);
    const holder = runningServer(configuration);
    if (holder) return say(`The server that runs on ${configuration.dataDir} (process ${holder.pid}) has migrated it at its start.`);
    const embedded = configuration.databaseUrl === undefined;
    const lock =
      embedded && configuration.dataDir !== "memory" ? lockDataDir(configuration.dataDir, configuration.settings.publicUrl) : undefined;
    const database = await openStorage(configuration);
    try {
      await refuseUnfitDatabase(database, configuration);
      await refuseUnmet(database, configuration);
      const pending = await pendingSteps(database.owner, schemaSteps);
      const logger = openLogger({ ...configuration, logLevel: "error" });
      const { applied } = await prepareDatabase(database, configuration, logger);
      const why = new Map(schemaSteps.map((step) => [step.name, step.why]));
      say(applied.length === 0 ? "The schema is up to date." : applied.map((name) => `${name}: ${why.get(name) ?? ""}`).join("\n"));
      if (pending.length > applied.length) say("Another process has applied the others.");
    } finally {
      await database.close();
      lock?.release();
    }
  },
};

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
