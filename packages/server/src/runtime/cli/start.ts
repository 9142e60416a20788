import { parseArgs } from "node:util";
import { system } from "../../operation/caller.ts";
import { OperationError } from "../../operation/errors.ts";
import { backgroundOrigin } from "../../operation/scheduled.ts";
import { type Application, assemble } from "../application.ts";
import { banner } from "../banner.ts";
import { type Configuration, readConfiguration } from "../configuration.ts";
import { type DataLock, lockDataDir } from "../data-lock.ts";
import type { Lifecycle } from "../health.ts";
import { listen, type Server } from "../server.ts";
import type { Command } from "./command.ts";

/** Requests in flight get so long when the process is asked to stop; a second signal ends it at once. */
const graceMs = 10_000;

export const startCommand: Command = {
  words: ["start"],
  usage: "gatehouse start [--role all] [--port 8080]",
  does: "Start the server.\nWithout DATABASE_URL it runs on embedded storage in GATEHOUSE_DATA_DIR.",
  async run(args) {
    const { values } = parseArgs({ args: [...args], options: { role: { type: "string" }, port: { type: "string" } } });
    const configuration = readConfiguration({
      ...process.env,
      ...(values.role === undefined ? {} : { GATEHOUSE_ROLE: values.role }),
      ...(values.port === undefined ? {} : { PORT: values.port }),
    });
    const lock = holdsData(configuration) ? lockDataDir(configuration.dataDir, configuration.settings.publicUrl) : undefined;
    try {
      await serve(configuration, lock);
    } catch (error) {
      lock?.release();
      throw error;
    }
  },
};

/** Only embedded storage is held by one process; a PostgreSQL serves many. */
const holdsData = ({ databaseUrl, dataDir }: Configuration): boolean => databaseUrl === undefined && dataDir !== "memory";

async function serve(configuration: Configuration, lock: DataLock | undefined): Promise<void> {
  const lifecycle: Lifecycle = { stage: "starting" };
  const application = await assemble(configuration);
  const { logger } = application.platform;
  let server: Server;
  let setUpToken: string | null;
  try {
    await application.startWorker();
    setUpToken = await firstAdministrator(application, configuration);
    server = await listen(application, configuration, lifecycle, lock?.holder.secret);
  } catch (error) {
    await application.stop();
    throw error;
  }
  lock?.announce(server.url);
  lifecycle.stage = "running";
  stopOnSignals(async () => {
    lifecycle.stage = "stopping";
    await server.close();
    await application.stop();
    lock?.release();
  }, application);
  process.stdout.write(banner(configuration, server.url, setUpToken));
  logger.info({ module: "command", address: server.url, storage: application.platform.database.kind }, "Gatehouse is ready");
}

/** Makes the administrator that the variables name, or a one-time link; neither when there is one already. */
async function firstAdministrator(application: Application, configuration: Configuration): Promise<string | null> {
  const call = (operation: string, input: Record<string, unknown>) =>
    application.dispatch({ operation, input, caller: system, origin: backgroundOrigin() });
  const { output } = await call("tenancy.openSetUp", {});
  const { token } = output as { token: string | null };
  if (token === null || configuration.administrator === undefined) return token;
  try {
    await call("tenancy.createUser", {
      ...configuration.administrator,
      firstName: "First",
      lastName: "Administrator",
      administrator: true,
    });
    return null;
  } catch (error) {
    if (!(error instanceof OperationError)) throw error;
    application.platform.logger.warn(
      { err: error, details: error.details },
      "the administrator of GATEHOUSE_ADMIN_EMAIL could not be made",
    );
    return token;
  }
}

function stopOnSignals(stop: () => Promise<void>, application: Application): void {
  let stopping = false;
  const onSignal = (signal: NodeJS.Signals): void => {
    const { logger } = application.platform;
    if (stopping) process.exit(1);
    stopping = true;
    logger.info({ signal }, "stopping: requests in flight are finished, new ones refused");
    const late = setTimeout(() => {
      logger.error("the grace time is over; stopping now");
      process.exit(1);
    }, graceMs);
    stop().then(
      () => {
        clearTimeout(late);
        logger.info("stopped");
        process.exit(0);
      },
      (error) => {
        logger.error({ err: error }, "could not stop in order");
        process.exit(1);
      },
    );
  };
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);
}
