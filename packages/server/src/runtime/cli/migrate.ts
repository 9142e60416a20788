import { pendingSteps } from "#platform/database/migrations.ts";
import { readConfiguration } from "../configuration.ts";
import { lockDataDir } from "../data-lock.ts";
import { refuseUnfitDatabase } from "../fit-database.ts";
import { schemaSteps } from "../modules.ts";
import { openLogger } from "../ports.ts";
import { prepareDatabase, refuseUnmet } from "../prepare-database.ts";
import { openStorage } from "../storage.ts";
import { runningServer } from "./call-operation.ts";
import type { Command } from "./command.ts";

export const migrateCommand: Command = {
  words: ["migrate"],
  usage: "gatehouse migrate",
  does: "Migrate the database's schema to this release.\nA start does the same; concurrent runs apply each step once.",
  async run() {
    const configuration = readConfiguration(process.env);
    const holder = runningServer(configuration);
    if (holder) return say(`The server on ${configuration.dataDir} (process ${holder.pid}) migrated it at its start.`);
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
      if (pending.length > applied.length) say("Another process applied the other steps.");
    } finally {
      await database.close();
      lock?.release();
    }
  },
};

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
