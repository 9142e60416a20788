import { createHash, randomUUID } from "node:crypto";
import { conditionSchema } from "@gatehouse/policy";
import Fastify, { type FastifyInstance, type onRequestAsyncHookHandler } from "fastify";
import { authzenMetadata, authzenMetadataPath } from "#modules/authorization/authzen/index.ts";
import { eventSchemas } from "#operation/events-schema.ts";
import { endConnectionsAtClose } from "#operation/http/closing.ts";
import { httpDoor, sayRequestId } from "#operation/http/door.ts";
import { isKnownToClient } from "#operation/http/entity-tags.ts";
import { openapi } from "#operation/openapi.ts";
import { noProxies } from "#platform/network/trusted-proxies.ts";
import type { Application } from "./application.ts";
import { type Configuration, isLoopback, isReachedByOthers } from "./configuration.ts";
import { registerControl } from "./control.ts";
import { dependenciesOf } from "./dependencies.ts";
import type { Gateway } from "./gateway.ts";
import { gatewayReadiness, registerGatewayHealth } from "./gateway-health.ts";
import { type Lifecycle, readinessOf, registerHealth } from "./health.ts";
import { localCallersOnly } from "./local-callers.ts";
import { registerInbox, registerPages } from "./pages/index.ts";
import { registerHouseGauges, registerProcessGauges } from "./process-gauges.ts";
import { contribute, metricsText } from "./workers.ts";

export interface Server {
  /** Where it listens. */
  readonly url: string;
  /** Lets requests in flight finish, then closes. */
  close(): Promise<void>;
}

/** The door with everything that stands beside the operations: pages, health, metrics, the command line's entrance. */
export function frontDoor(house: House, configuration: Configuration, lifecycle: Lifecycle, controlSecret?: string): FastifyInstance {
  const { catalogue, platform, serve, inbox } = house;
  const { publicUrl, version } = configuration.settings;
  const app = httpDoor({
    catalogue,
    serve,
    publicUrl,
    trustProxy: configuration.trustProxy,
    metrics: platform.metrics,
    tracer: platform.tracer,
    report: (error, { traceId, method, route }) => platform.logger.error({ err: error, traceId, method, route }, "a request failed"),
  });
  registerProbes(app, house, lifecycle, configuration);
  const localOnly = localCallersOnly(configuration.trustProxy);
  const isLocal = !isReachedByOthers(configuration);
  if (isLocal) registerMetrics(app, house, localOnly);
  if (controlSecret !== undefined && "dispatch" in house) registerControl(app, house.dispatch, controlSecret);
  registerDocument(app, authzenMetadataPath, authzenMetadata(catalogue.operations, publicUrl), "application/json");
  registerDocument(app, conditionSchema.$id, conditionSchema, "application/schema+json");
  for (const [type, schema] of Object.entries(eventSchemas(catalogue))) {
    registerDocument(app, `/schemas/events/${type}`, schema, "application/schema+json");
  }
  registerPages(app, {
    publicUrl,
    version,
    openapi: () => openapi(catalogue, { version, publicUrl }),
    errors: catalogue.errors,
    inbox: isLocal && inbox !== undefined ? { list: () => inbox.list(), localOnly } : undefined,
  });
  return app;
}

/** What a door stands before: the operations themselves, or the way to the processes that have them. */
type House = Application | Gateway;

/** Listens: with the front door where this process has that role, else for health and metrics alone; on the operations port too. */
export async function listen(house: House, configuration: Configuration, lifecycle: Lifecycle, controlSecret?: string): Promise<Server> {
  const { host, port, operationsPort, roles } = configuration;
  const app = roles.has("gateway")
    ? frontDoor(house, configuration, lifecycle, controlSecret)
    : operationsDoor(house, lifecycle, configuration);
  const operations = operationsPort === undefined ? undefined : operationsDoor(house, lifecycle, configuration);
  const url = await app.listen({ host, port });
  await operations?.listen({ host, port: operationsPort as number });
  return {
    url,
    async close() {
      await app.close();
      await operations?.close();
    },
  };
}

/** Health and metrics; on this machine also the development inbox, which the front door shows where it has the database. */
function operationsDoor(house: House, lifecycle: Lifecycle, configuration: Configuration): FastifyInstance {
  const app = Fastify({ logger: false, genReqId: () => randomUUID(), forceCloseConnections: "idle" });
  sayRequestId(app);
  endConnectionsAtClose(app);
  registerProbes(app, house, lifecycle, configuration);
  registerMetrics(app, house);
  if (isLoopback(configuration.host)) {
    // No proxy leads to this port: a request that came through one is refused, whichever proxy is trusted.
    const { inbox } = house;
    registerInbox(app, configuration.settings.version, inbox && { list: () => inbox.list(), localOnly: localCallersOnly(noProxies) });
  }
  return app;
}

function registerProbes(app: FastifyInstance, house: House, lifecycle: Lifecycle, configuration: Configuration): void {
  const { roles, settings } = configuration;
  const measured = { metrics: house.platform.metrics, version: settings.version, roles };
  if (!("kernel" in house)) {
    registerGatewayHealth(app, house, lifecycle);
    registerProcessGauges({ ...measured, ready: gatewayReadiness(house, lifecycle) });
    return;
  }
  const dependencies = dependenciesOf(house, configuration);
  const observed = { lifecycle, dependencies, roles };
  registerHealth(app, house, observed);
  registerProcessGauges({ ...measured, ready: readinessOf(house, observed) });
  registerHouseGauges(house);
}

/** Kept for minutes (AuthZEN 1.0, 11.9): an update may add to it. */
const documentCache = "public, max-age=300";

/** A document that is the same for everybody, read without a credential, and with HEAD too. */
function registerDocument(app: FastifyInstance, path: string, document: object, type: string): void {
  const body = JSON.stringify(document);
  const etag = `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`;
  app.get(path, async (request, reply) => {
    reply.header("cache-control", documentCache).header("etag", etag);
    if (isKnownToClient(request.headers["if-none-match"], etag)) return reply.code(304).send();
    return reply.header("content-type", `${type}; charset=utf-8`).send(body);
  });
}

function registerMetrics(app: FastifyInstance, house: House, guard?: onRequestAsyncHookHandler): void {
  const { metrics } = house.platform;
  contribute(metrics.registry);
  app.get("/metrics", guard === undefined ? {} : { onRequest: guard }, async (_request, reply) => {
    if ("kernel" in house) {
      const { log } = house.platform;
      metrics.logAgeSeconds.set(log.ageMs / 1_000);
      metrics.leaseAgeSeconds.set(log.leaseAgeMs / 1_000);
      metrics.withoutDatabase.set(log.withoutDatabase ? 1 : 0);
    }
    return reply.header("content-type", metrics.registry.contentType).send(await metricsText(metrics.registry));
  });
}
