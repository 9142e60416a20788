import fastJsonStringify from "fast-json-stringify";
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import type { MaybePromise } from "../authorization.ts";
import { anonymous, type Caller } from "../caller.ts";
import type { Catalogue } from "../catalogue.ts";
import type { Dispatch } from "../dispatch.ts";
import { CredentialInvalid, OperationError } from "../errors.ts";
import type { Operation } from "../operation.ts";
import { clearSessionCookie, credentialOf, type SentCredential, sessionCookie } from "./credential.ts";
import { answerError, type ErrorReporter } from "./error-answer.ts";
import { ifMatchOf, inputOf, inputReader, requestIdOf, traceOf } from "./request.ts";

export interface DoorOptions {
  readonly catalogue: Catalogue;
  readonly dispatch: Dispatch;
  /** Who a session token belongs to; null when it is unknown, expired or ended. */
  readonly authenticate: (token: string) => MaybePromise<Caller | null>;
  readonly publicUrl: string;
  readonly trustProxy: boolean;
  readonly report: ErrorReporter;
}

/** A body of our operations is a form; the largest has a few thousand characters. */
const bodyBytesMax = 256 * 1024;
/** Slow headers and slow bodies end here (HOSTILE 42). */
const requestTimeoutMs = 30_000;

/** The HTTP door: one Fastify route an operation, made from its declaration. */
export function httpDoor(options: DoorOptions): FastifyInstance {
  const app = Fastify({
    logger: false,
    genReqId: (request) => requestIdOf(request.headers),
    bodyLimit: bodyBytesMax,
    requestTimeout: requestTimeoutMs,
    trustProxy: options.trustProxy,
    forceCloseConnections: "idle",
    // The router's own 414-like refusal of a long parameter would be a 404 without our envelope.
    routerOptions: { maxParamLength: 500 },
  });
  acceptJsonOnly(app);
  app.setErrorHandler((error, request, reply) => answerError(error, request, reply, options));
  app.setNotFoundHandler((request, reply) => answerError(undefined, request, reply, options));
  for (const operation of options.catalogue.operations) addRoute(app, operation, options);
  return app;
}

/** JSON, or no body at all: what a form on another site can send is refused by its type. */
function acceptJsonOnly(app: FastifyInstance): void {
  app.removeContentTypeParser("text/plain");
  const parse = app.getDefaultJsonParser("error", "error");
  app.removeContentTypeParser("application/json");
  app.addContentTypeParser("application/json", { parseAs: "string" }, (request, body, done) => {
    if (body.length === 0) done(null, undefined);
    else parse(request, body as string, done);
  });
}

function addRoute(app: FastifyInstance, operation: Operation, options: DoorOptions): void {
  if (operation.http === undefined) return;
  const [method, url] = operation.http.split(" ") as [string, string];
  const serialize = fastJsonStringify(operation.output as never) as (output: unknown) => string;
  const status = operation.status ?? 200;
  const nothing = (operation.output as { type?: string }).type === "null";
  const read = inputReader(operation, url);

  const handler = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const requestId = request.id;
    const sent = credentialOf(request, options.publicUrl, method);
    const caller = sent === undefined ? anonymous : await callerOf(sent, options, operation);
    const answer = await options.dispatch({
      operation: operation.name,
      input: inputOf(read, request),
      caller,
      origin: {
        ip: request.ip,
        userAgent: request.headers["user-agent"]?.slice(0, 500) ?? null,
        requestId,
        traceId: traceOf(request),
      },
      idempotencyKey: method === "POST" && operation.kind === "command" ? idempotencyKeyOf(request) : undefined,
      ifMatch: operation.versioned ? ifMatchOf(request) : undefined,
      traceparent: request.headers["traceparent"] as string | undefined,
    });
    reply.header("x-request-id", requestId).header("cache-control", "no-store");
    if (answer.revision !== undefined) reply.header("x-gatehouse-revision", answer.revision);
    if (operation.versioned) reply.header("etag", `"${(answer.output as { version: number }).version}"`);
    if (operation.cookie === "begins") reply.header("set-cookie", sessionCookie(answer.output as never, options.publicUrl));
    if (operation.cookie === "ends") reply.header("set-cookie", clearSessionCookie(options.publicUrl));
    if (nothing) return reply.code(status === 200 ? 204 : status).send();
    return reply.code(status).header("content-type", "application/json; charset=utf-8").send(serialize(answer.output));
  };
  app.route({ method, url, handler, exposeHeadRoute: false });
}

async function callerOf(sent: SentCredential, options: DoorOptions, operation: Operation): Promise<Caller> {
  const found = options.authenticate(sent.token);
  const caller = found instanceof Promise ? await found : found;
  if (caller !== null) return caller;
  // A stale cookie must not keep a browser from signing in again.
  if (sent.from === "cookie" && operation.allow.kind === "anyone") return anonymous;
  throw new OperationError(CredentialInvalid);
}

function idempotencyKeyOf(request: FastifyRequest): string | undefined {
  const key = request.headers["idempotency-key"];
  return typeof key === "string" && key.length > 0 ? key.slice(0, 255) : undefined;
}
