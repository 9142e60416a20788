/**
 * EXCHANGE=… BROKER_URL=… node in-process/relay.ts, in addition to the variables of the product
 *
 * A worker's relay in a separate process, to the bench's own exchange, because the product's exchange may be in use. It observes commits
 * like a worker, by NATS and the log. Prints `ready relay`.
 */
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { rootFolder } from "../lib/paths.ts";
import { ready, variable } from "../servers/life.ts";

const sourceFolder = join(rootFolder, "packages", "server", "src");
const source = (file: string) => import(pathToFileURL(join(sourceFolder, file)).href);

const { readConfiguration } = await source("runtime/configuration.ts");
const { assemble } = await source("runtime/application.ts");
const { Relay } = await source("platform/broker/relay.ts");
const { rabbitmqBroker } = await source("platform/broker/rabbitmq.ts");
const { pino } = createRequire(join(sourceFolder, "runtime", "application.ts"))("pino");
const logger = pino({ level: "warn", messageKey: "message" }, process.stderr);

const application = await assemble(readConfiguration(process.env), { logger });
const { database, log, metrics, settings } = application.platform;
const internal = new Set(
  application.catalogue.events.filter((event: { internal?: boolean }) => event.internal).map((event: { type: string }) => event.type),
);
const broker = rabbitmqBroker(variable("BROKER_URL"), logger);
await broker.ping();
const leaves = (type: string) => !internal.has(type);
const relay = new Relay({ database, broker, source: settings.publicUrl, leaves, logger, metrics, exchange: variable("EXCHANGE") });
log.onEvent(() => relay.wake());
relay.start();

ready("relay", async () => {
  await relay.close();
  await broker.close();
  await application.stop();
});
