import { createHash, randomUUID } from "node:crypto";
import { conditionSchema } from "@gatehouse/policy";
import Fastify, { type FastifyInstance } from "fastify";
import { authzenMetadata, authzenMetadataPath } from "../modules/access/index.ts";
import { httpDoor, sayRequestId } from "../operation/http/door.ts";
import { openapi } from "../operation/openapi.ts";
import type { Application } from "./application.ts";
import { type Configuration, isLoopback } from "./configuration.ts";
import { registerControl } from "./control.ts";
import { type Lifecycle, registerHealth } from "./health.ts";
import { registerPages } from "./pages/index.ts";

export interface Server {
  /** Where it listens. */
  readonly url: string;
  /** Lets requests in flight finish, then closes. */
  close(): Promise<void>;
}

/** The door with everything that stands beside the operations: pages, health, metrics, the command line's entrance. */
export function frontDoor(
  application: Application,
  configuration: Configuration,
  lifecycle: Lifecycle,
  controlSecret?: string,
): FastifyInstance {
  const { kernel, platform, sessions } = application;
  const { publicUrl, version } = configuration.settings;
  const app = httpDoor({
    catalogue: kernel.catalogue,
    dispatch: application.dispatch,
    authenticate: (token) => {
      const found = sessions.find(token);
      return found instanceof Promise ? found.then((session) => session?.caller ?? null) : (found?.caller ?? null);
    },
    publicUrl,
    trustProxy: configuration.trustProxy,
    report: (error, { traceId, method, route }) => platform.logger.error({ err: error, traceId, method, route }, "a request failed"),
  });
  refuseForeignHosts(app, publicUrl);
  registerHealth(app, application, lifecycle);
  if (isLoopback(configuration.host)) registerMetrics(app, application);
  if (controlSecret !== undefined) registerControl(app, application.dispatch, controlSecret);
  registerDocument(app, authzenMetadataPath, authzenMetadata(kernel.catalogue.operations, publicUrl), "application/json");
  registerDocument(app, conditionSchema.$id, conditionSchema, "application/schema+json");
  registerPages(app, {
    publicUrl,
    version,
    openapi: () => openapi(kernel.catalogue, { version, publicUrl }),
    errors: kernel.catalogue.errors,
    inbox: application.inbox,
  });
  return app;
}

/**
 * The inbox shows tokens to whoever is on this machine. A page elsewhere could make a name of its own lead here (DNS
 * rebinding) and read it in a visitor's browser; then the Host header is that name.
 */
function refuseForeignHosts(app: FastifyInstance, publicUrl: string): void {
  const known = new Set(["localhost", "127.0.0.1", "[::1]", new URL(publicUrl).hostname]);
  app.addHook("onRequest", async (request, reply) => {
    if (request.url.startsWith("/dev/") && !known.has(hostnameOf(request.headers.host))) return reply.callNotFound();
  });
}

const hostnameOf = (host: string | undefined): string => (URL.canParse(`http://${host}`) ? new URL(`http://${host}`).hostname : "");

/** Listens, on the operations port too where there is one. */
export async function listen(
  application: Application,
  configuration: Configuration,
  lifecycle: Lifecycle,
  controlSecret?: string,
): Promise<Server> {
  const app = frontDoor(application, configuration, lifecycle, controlSecret);
  const operations = configuration.operationsPort === undefined ? undefined : operationsDoor(application, lifecycle);
  const url = await app.listen({ host: configuration.host, port: configuration.port });
  await operations?.listen({ host: configuration.host, port: configuration.operationsPort as number });
  return {
    url,
    async close() {
      await app.close();
      await operations?.close();
    },
  };
}

function operationsDoor(application: Application, lifecycle: Lifecycle): FastifyInstance {
  const app = Fastify({ logger: false, genReqId: () => randomUUID() });
  sayRequestId(app);
  registerHealth(app, application, lifecycle);
  registerMetrics(app, application);
  return app;
}

/** Kept for minutes (AuthZEN 1.0, 11.9): an update may add to it. */
const documentCache = "public, max-age=300";

/** A document that is the same for everybody, read without a credential, and with HEAD too. */
function registerDocument(app: FastifyInstance, path: string, document: object, type: string): void {
  const body = JSON.stringify(document);
  const etag = `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`;
  app.get(path, async (request, reply) => {
    reply.header("cache-control", documentCache).header("etag", etag);
    if (request.headers["if-none-match"] === etag) return reply.code(304).send();
    return reply.header("content-type", `${type}; charset=utf-8`).send(body);
  });
}

function registerMetrics(app: FastifyInstance, application: Application): void {
  const { metrics, log } = application.platform;
  app.get("/metrics", async (_request, reply) => {
    metrics.logAgeSeconds.set(log.ageMs / 1_000);
    return reply.header("content-type", metrics.registry.contentType).send(await metrics.registry.metrics());
  });
}
