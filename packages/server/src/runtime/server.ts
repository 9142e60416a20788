import { createHash, randomUUID } from "node:crypto";
import { conditionSchema } from "@gatehouse/policy";
import Fastify, { type FastifyInstance, type onRequestAsyncHookHandler } from "fastify";
import { authzenMetadata, authzenMetadataPath } from "#modules/authorization/authzen/index.ts";
import { eventSchemas } from "#operation/documents/events-schema.ts";
import { openapi } from "#operation/documents/openapi.ts";
import { endConnectionsAtClose } from "#operation/http/closing.ts";
import { isKnownToClient } from "#operation/http/entity-tags.ts";
import { addRequestId, httpServer } from "#operation/http/http-server.ts";
import { noProxies } from "#platform/network/trusted-proxies.ts";
import type { Application } from "./application.ts";
import { acceptsRemoteCallers, type Configuration, isLoopback } from "./configuration.ts";
import { registerControl } from "./control.ts";
import { dependenciesOf } from "./dependencies.ts";
import type { Gateway } from "./gateway.ts";
import { gatewayReadiness, registerGatewayHealth } from "./gateway-health.ts";
import { type Lifecycle, readinessOf, registerHealth } from "./health.ts";
import { localCallersOnly } from "./local-callers.ts";
import { registerInbox, registerPages } from "./pages/index.ts";
import { registerBackendGauges, registerProcessGauges } from "./process-gauges.ts";
import { metricsText, shareMetrics } from "./workers.ts";

export interface Server {
  /** The address that it listens on. */
  readonly url: string;
  /** Lets requests in flight finish, then closes. */
  close(): Promise<void>;
}

/** The HTTP server of the operations, with pages, health, metrics and the command line's endpoint. */
export function gatewayServer(
  backend: ServerBackend,
  configuration: Configuration,
  lifecycle: Lifecycle,
  controlSecret?: string,
): FastifyInstance {
  const { catalogue, platform, serve, httpApps, inbox } = backend;
  const { publicUrl, version } = configuration.settings;
  const app = httpServer({
    catalogue,
    serve,
    apps: httpApps,
    publicUrl,
    trustProxy: configuration.trustProxy,
    metrics: platform.metrics,
    tracer: platform.tracer,
    report: (error, { traceId, method, route }) => platform.logger.error({ err: error, traceId, method, route }, "a request failed"),
  });
  registerProbes(app, backend, lifecycle, configuration);
  const localOnly = localCallersOnly(configuration.trustProxy);
  const isLocal = !acceptsRemoteCallers(configuration);
  if (isLocal) registerMetrics(app, backend, localOnly);
  if (controlSecret !== undefined && "dispatch" in backend) registerControl(app, backend.dispatch, controlSecret);
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

/** What an HTTP server calls: the operations of this process, or other processes. */
type ServerBackend = Application | Gateway;

/** Listens: serves operations where this process has the gateway role, else only health and metrics; on the operations port too. */
export async function listen(
  backend: ServerBackend,
  configuration: Configuration,
  lifecycle: Lifecycle,
  controlSecret?: string,
): Promise<Server> {
  const { host, port, operationsPort, roles } = configuration;
  const app = roles.has("gateway")
    ? gatewayServer(backend, configuration, lifecycle, controlSecret)
    : operationsServer(backend, lifecycle, configuration);
  const operations = operationsPort === undefined ? undefined : operationsServer(backend, lifecycle, configuration);
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

/** Serves health and metrics; on loopback also the development inbox, for processes without the gateway role. */
function operationsServer(backend: ServerBackend, lifecycle: Lifecycle, configuration: Configuration): FastifyInstance {
  const app = Fastify({ logger: false, genReqId: () => randomUUID(), forceCloseConnections: "idle" });
  addRequestId(app);
  endConnectionsAtClose(app);
  registerProbes(app, backend, lifecycle, configuration);
  registerMetrics(app, backend);
  if (isLoopback(configuration.host)) {
    // No proxy serves this port, so a request through any proxy is refused.
    const { inbox } = backend;
    registerInbox(app, configuration.settings.version, inbox && { list: () => inbox.list(), localOnly: localCallersOnly(noProxies) });
  }
  return app;
}

function registerProbes(app: FastifyInstance, backend: ServerBackend, lifecycle: Lifecycle, configuration: Configuration): void {
  const { roles, settings } = configuration;
  const measured = { metrics: backend.platform.metrics, version: settings.version, roles };
  if (!("kernel" in backend)) {
    registerGatewayHealth(app, backend, lifecycle);
    registerProcessGauges({ ...measured, ready: gatewayReadiness(backend, lifecycle) });
    return;
  }
  const dependencies = dependenciesOf(backend, configuration);
  const observed = { lifecycle, dependencies, roles };
  registerHealth(app, backend, observed);
  registerProcessGauges({ ...measured, ready: readinessOf(backend, observed) });
  registerBackendGauges(backend);
}

/** Cached for minutes (AuthZEN 1.0, 11.9): a new release may add to it. */
const documentCache = "public, max-age=300";

/** A public document that is the same for every caller; GET and HEAD. */
function registerDocument(app: FastifyInstance, path: string, document: object, type: string): void {
  const body = JSON.stringify(document);
  const etag = `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`;
  app.get(path, async (request, reply) => {
    reply.header("cache-control", documentCache).header("etag", etag);
    if (isKnownToClient(request.headers["if-none-match"], etag)) return reply.code(304).send();
    return reply.header("content-type", `${type}; charset=utf-8`).send(body);
  });
}

function registerMetrics(app: FastifyInstance, backend: ServerBackend, guard?: onRequestAsyncHookHandler): void {
  const { metrics } = backend.platform;
  shareMetrics(metrics.registry);
  app.get("/metrics", guard === undefined ? {} : { onRequest: guard }, async (_request, reply) => {
    if ("kernel" in backend) {
      const { log } = backend.platform;
      metrics.logAgeSeconds.set(log.replicationLagMs / 1_000);
      metrics.leaseAgeSeconds.set(log.leaseAgeMs / 1_000);
      metrics.withoutDatabase.set(log.withoutDatabase ? 1 : 0);
    }
    return reply.header("content-type", metrics.registry.contentType).send(await metricsText(metrics.registry));
  });
}
