import { isUtf8 } from "node:buffer";
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import type { TrustedProxies } from "#platform/network/trusted-proxies.ts";
import type { Catalogue } from "../declaration/catalogue.ts";
import { invalid, OperationError, UnsupportedContentEncoding } from "../declaration/errors.ts";
import type { Operation } from "../declaration/operation.ts";
import type { Origin } from "../declaration/origin.ts";
import type { Principal } from "../declaration/principal.ts";
import type { Answer, Call } from "../kernel/dispatch.ts";
import { parseJson } from "../transport/json.ts";
import { hasNoBody, serializerOf, statusOf } from "../transport/serializer.ts";
import type { Serve } from "../transport/serve.ts";
import { endConnectionsAtClose } from "./closing.ts";
import { clearSessionCookie, credentialOf, sessionCookie } from "./credential.ts";
import { type DeprecationHeaders, deprecationHeadersOf } from "./deprecated.ts";
import { answerError, type ErrorReporter } from "./error-answer.ts";
import { mountHttpApps, type ServedHttpApp } from "./http-apps.ts";
import { countRefusal, type Instrumentation, instrumented } from "./instrumented.ts";
import { methodsAt } from "./methods.ts";
import { ifMatchOf, inputOf, inputReader, RequestOrigin, requestIdOf, traceparentOf } from "./request.ts";
import { writeTogether } from "./write-together.ts";

export interface HttpServerOptions extends Instrumentation {
  readonly catalogue: Catalogue;
  readonly serve: Serve;
  /** The HTTP applications of the modules. */
  readonly apps?: readonly ServedHttpApp[];
  readonly publicUrl: string;
  readonly trustProxy: TrustedProxies;
  readonly report: ErrorReporter;
}

/** The options of the server and what is derived from them. */
type HttpServerState = HttpServerOptions & { readonly methodsAt: (url: string) => readonly string[]; readonly closing: () => boolean };

/** Bodies are small JSON objects: the largest has a few thousand characters. */
const bodyBytesMax = 256 * 1024;
/** Limits slow headers and slow bodies (docs/security/attacks.md, 42). */
const requestTimeoutMs = 30_000;

/** The HTTP server: one Fastify route for each operation, built from its declaration. */
export function httpServer(given: HttpServerOptions): FastifyInstance {
  const app = Fastify({
    logger: false,
    genReqId: (request) => requestIdOf(request.headers),
    bodyLimit: bodyBytesMax,
    requestTimeout: requestTimeoutMs,
    forceCloseConnections: "idle",
    routerOptions: { maxParamLength: 500 },
    // For an address that the router cannot parse, or with a parameter longer than the limit.
    frameworkErrors: (error, request, reply) => void answerError(error, request as FastifyRequest, reply as FastifyReply, options),
  });
  addRequestId(app);
  const { apps = [] } = given;
  const routes = [...given.catalogue.operations.map(({ http }) => http), ...apps.flatMap((served) => served.routes)];
  const options: HttpServerState = { ...given, methodsAt: methodsAt(routes), closing: endConnectionsAtClose(app) };
  acceptJsonOnly(app);
  refuseEncodedContent(app);
  const refuse = (error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    answerError(error, request, reply, options);
    countRefusal(request, reply, options);
    return reply;
  };
  app.setErrorHandler(refuse);
  app.setNotFoundHandler((request, reply) => refuse(undefined, request, reply));
  for (const operation of options.catalogue.operations) addRoute(app, operation, options);
  mountHttpApps(app, apps, options);
  return app;
}

/** Adds the request id to responses that no operation writes; the answers of operations bypass the hooks. */
export function addRequestId(app: FastifyInstance): void {
  app.addHook("onSend", (request, reply, payload, done) => {
    if (!reply.hasHeader("x-request-id")) reply.header("x-request-id", request.id);
    done(null, payload);
  });
}

/** Accepts JSON or no body: content types that a form on another site can send are refused. */
function acceptJsonOnly(app: FastifyInstance): void {
  app.removeContentTypeParser("text/plain");
  app.removeContentTypeParser("application/json");
  app.addContentTypeParser("application/json", { parseAs: "buffer" }, (_request, bytes: Buffer, done) => {
    let body: unknown;
    try {
      const text = textOf(bytes);
      body = text.length === 0 ? undefined : parseJson(text);
    } catch (error) {
      return done(Object.assign(error as Error, { statusCode: 400 }), undefined);
    }
    done(null, body);
  });
}

/** No content coding is supported: a compressed body is refused as such, not as malformed JSON (RFC 9110 §8.4, §15.5.16). */
function refuseEncodedContent(app: FastifyInstance): void {
  app.addHook("preParsing", async ({ headers, is404 }, reply, payload) => {
    const codings = headers["content-encoding"]?.split(",").map((coding) => coding.trim().toLowerCase()) ?? [];
    const isEncoded = codings.some((coding) => coding !== "" && coding !== "identity");
    const hasContent = headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
    if (!is404 && isEncoded && hasContent) {
      reply.header("accept-encoding", "identity");
      throw new OperationError(UnsupportedContentEncoding, [{ field: "Content-Encoding", rule: "identity" }]);
    }
    return payload;
  });
}

/** Refuses invalid UTF-8: decoding would replace it by U+FFFD and store other data than was sent (docs/security/attacks.md, 41). */
function textOf(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw invalid({ field: "body", rule: "utf8", message: "is not UTF-8" });
  return bytes.toString("utf8");
}

function addRoute(app: FastifyInstance, operation: Operation, options: HttpServerState): void {
  if (operation.http === undefined) return;
  const [method, url] = operation.http.split(" ") as [string, string];
  const serialize = serializerOf(operation);
  const status = statusOf(operation);
  const nothing = hasNoBody(operation);
  const read = inputReader(operation, url);
  const cacheControl = operation.publicCacheSeconds === undefined ? "no-store" : `public, max-age=${operation.publicCacheSeconds}`;
  const deprecation = deprecationHeadersOf(operation, options.catalogue.byName, options.publicUrl);

  const send = (answer: Answer, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const headers = ["x-request-id", request.id, "cache-control", cacheControl];
    if (answer.revision !== undefined) headers.push("x-gatehouse-revision", answer.revision);
    if (answer.rateLimits !== undefined) headers.push("ratelimit-policy", answer.rateLimits.policy, "ratelimit", answer.rateLimits.state);
    if (operation.versioned && !nothing) headers.push("etag", `"${(answer.output as { version: number }).version}"`);
    if (operation.cookie === "begins") headers.push("set-cookie", sessionCookie(answer.output as never, options.publicUrl));
    if (operation.cookie === "ends") headers.push("set-cookie", clearSessionCookie(options.publicUrl));
    if (deprecation !== undefined) headers.push(...deprecation(request));
    if (operation.document) return respondDocument(reply, headers, answer.output as Document);
    if (nothing) return respond(reply, status, headers, undefined, options.closing);
    return respond(reply, status, headers, answer.text ?? serialize(answer.output), options.closing);
  };

  const handler = (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> | FastifyReply => {
    const fail = (error: unknown) => answerError(error, request, reply, options);
    try {
      const credential = credentialOf(request, options.publicUrl, method);
      const origin = new RequestOrigin(request, options.trustProxy);
      const answer = options.serve({ operation, credential, origin, call: (principal) => callOf(request, principal, origin) });
      if (answer instanceof Promise) return answer.then((given) => send(given, request, reply)).catch(fail);
      return send(answer, request, reply);
    } catch (error) {
      return fail(error);
    }
  };

  const callOf = (request: FastifyRequest, principal: Principal, origin: Origin): Call => ({
    operation: operation.name,
    input: inputOf(read, request),
    principal,
    origin,
    idempotencyKey: method === "POST" && operation.kind === "command" ? idempotencyKeyOf(request) : undefined,
    ifMatch: operation.versioned ? ifMatchOf(request) : undefined,
    traceparent: traceparentOf(request),
  });
  app.route({
    // HEAD is GET without the content (RFC 9110 §9.3.2): Node omits the content and sends its length.
    method: method === "GET" ? ["GET", "HEAD"] : method,
    url,
    handler: instrumented(handler, operation, options),
    exposeHeadRoute: false,
    // Set before anything can be refused, also a malformed body. Successful answers do not use the headers set here.
    ...(deprecation === undefined ? {} : { onRequest: announceDeprecation(deprecation) }),
  });
}

function announceDeprecation(deprecation: DeprecationHeaders) {
  return (request: FastifyRequest, reply: FastifyReply, done: () => void): void => {
    const headers = deprecation(request);
    for (let index = 0; index < headers.length; index += 2) reply.header(headers[index] as string, headers[index + 1]);
    done();
  };
}

/**
 * Writes a complete answer and bypasses Fastify's own send. That looks for streams, hooks and types that an operation's answer never
 * has, and costs as much as the operation.
 */
function respond(reply: FastifyReply, status: number, headers: string[], body: string | undefined, closing: () => boolean): FastifyReply {
  reply.hijack();
  reply.raw.statusCode = status;
  if (body !== undefined)
    headers.push("content-type", "application/json; charset=utf-8", "content-length", String(Buffer.byteLength(body)));
  writeTogether(reply.raw, () => {
    if (closing()) headers.push("connection", "close");
    reply.raw.writeHead(status, headers);
    reply.raw.end(body);
  });
  return reply;
}

/** The answer of an operation that returns a file. */
interface Document {
  readonly mediaType: string;
  readonly fileName: string;
  readonly text: string;
}

/** Sends a file as an attachment: a browser must not render its content, which other users may have written. */
function respondDocument(reply: FastifyReply, headers: string[], { mediaType, fileName, text }: Document): FastifyReply {
  const body = Buffer.from(text, "utf8");
  headers.push("content-type", `${mediaType}; charset=utf-8`, "content-length", String(body.byteLength));
  headers.push("content-disposition", `attachment; filename="${fileName}"`, "x-content-type-options", "nosniff");
  reply.hijack();
  reply.raw.writeHead(200, headers);
  reply.raw.end(body);
  return reply;
}

/** A longer key is refused rather than truncated, because keys that differ only at the end would collide. */
const idempotencyKeyMax = 255;

function idempotencyKeyOf(request: FastifyRequest): string | undefined {
  const key = request.headers["idempotency-key"];
  if (typeof key !== "string" || key.length === 0) return undefined;
  if (key.length > idempotencyKeyMax) throw invalid({ field: "Idempotency-Key", rule: "maxLength" });
  return key;
}
