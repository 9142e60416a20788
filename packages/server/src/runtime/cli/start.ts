import cluster from "node:cluster";
import { parseArgs } from "node:util";
import { type Configuration, readConfiguration } from "../configuration.ts";
import { lockDataDir } from "../data-lock.ts";
import { serve } from "../process.ts";
import { needsDatabase } from "../roles.ts";
import { runWorkers } from "../workers.ts";
import type { Command } from "./command.ts";

export const startCommand: Command = {
  words: ["start"],
  usage: "gatehouse start [--role all] [--port 8080] [--workers 1]",
  does: "Start the server.\nWithout DATABASE_URL it runs on embedded storage in GATEHOUSE_DATA_DIR.",
  async run(args) {
    const options = { role: { type: "string" }, port: { type: "string" }, workers: { type: "string" } } as const;
    const { values } = parseArgs({ args: [...args], options });
    const configuration = readConfiguration({
      ...process.env,
      ...(values.role === undefined ? {} : { GATEHOUSE_ROLE: values.role }),
      ...(values.port === undefined ? {} : { PORT: values.port }),
      ...(values.workers === undefined ? {} : { GATEHOUSE_WORKERS: values.workers }),
    });
    if (configuration.workers > 1 && cluster.isPrimary) return runWorkers(configuration);
    const lock = ownsData(configuration) ? lockDataDir(configuration.dataDir, configuration.settings.publicUrl) : undefined;
    try {
      await serve(configuration, lock);
    } catch (error) {
      lock?.release();
      throw error;
    }
  },
};

/** Only embedded storage belongs to one process; PostgreSQL serves many, and a gateway has no storage. */
const ownsData = ({ databaseUrl, dataDir, roles }: Configuration): boolean =>
  databaseUrl === undefined && dataDir !== "memory" && needsDatabase(roles);
