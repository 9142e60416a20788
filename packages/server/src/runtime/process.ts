import { assemble } from "./application.ts";
import { banner } from "./banner.ts";
import type { Configuration } from "./configuration.ts";
import type { DataLock } from "./data-lock.ts";
import { createFirstAdministrator } from "./first-administrator.ts";
import { openGateway } from "./gateway.ts";
import type { Lifecycle } from "./health.ts";
import { needsDatabase } from "./roles.ts";
import { listen, type Server } from "./server.ts";
import { stopOnSignals, stopSignals } from "./stop.ts";
import { writeTransportKeyFile } from "./transport-keys.ts";
import { watchMainThread } from "./watchdog.ts";
import { isFirstWorker } from "./workers.ts";

/** Runs the configured roles in this process until a signal stops it. */
export async function serve(configuration: Configuration, lock: DataLock | undefined): Promise<void> {
  const { roles } = configuration;
  const lifecycle: Lifecycle = { stage: "starting" };
  const application = needsDatabase(roles) ? await assemble(configuration) : undefined;
  const backend = application ?? (await openGateway(configuration));
  let server: Server;
  let setUpToken: string | null = null;
  try {
    if (roles.has("worker")) await application?.startWorker();
    if (application && roles.has("command") && isFirstWorker()) setUpToken = await createFirstAdministrator(application, configuration);
    await application?.startAnswering();
    if (application && isFirstWorker()) writeTransportKeyFile(configuration);
    server = await listen(backend, configuration, lifecycle, lock?.holder.secret);
  } catch (error) {
    await backend.stop();
    throw error;
  }
  lock?.announce(server.url);
  lifecycle.stage = "running";
  const { logger } = backend.platform;
  const { isOverdue } = stopOnSignals(
    async () => {
      lifecycle.stage = "stopping";
      await server.close();
      await backend.stop();
      lock?.release();
    },
    logger,
    application && Promise.race([application.platform.log.lost, application.lost]),
  );
  if (lock) {
    watchMainThread(stopSignals, isOverdue, (error) => logger.error({ err: error }, "the watchdog of the main thread has ended"));
    void lock.lost.then(() => {
      logger.fatal("another process has taken the data directory; this one ends without writing to it again");
      process.exit(1);
    });
  }
  if (isFirstWorker()) process.stdout.write(banner(configuration, server.url, setUpToken));
  for (const what of [...configuration.ignored, ...configuration.warnings]) logger.warn(what);
  logger.info({ module: "command", address: server.url, roles: [...roles] }, "Gatehouse is ready");
}
