import { isUtf8 } from "node:buffer";
import fastJsonStringify from "fast-json-stringify";
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { anonymous, type Caller, type Origin } from "../caller.ts";
import type { Catalogue } from "../catalogue.ts";
import type { Answer, Call, Dispatch } from "../dispatch.ts";
import { CredentialInvalid, invalid, OperationError } from "../errors.ts";
import { after, type MaybePromise } from "../maybe-promise.ts";
import type { Operation } from "../operation.ts";
import { refuseUnstorable } from "../storable.ts";
import { clearSessionCookie, credentialOf, type SentCredential, sessionCookie } from "./credential.ts";
import { answerError, type ErrorReporter } from "./error-answer.ts";
import { methodsAt } from "./methods.ts";
import { ifMatchOf, inputOf, inputReader, requestIdOf, traceOf } from "./request.ts";
import { writeTogether } from "./write-together.ts";

export interface DoorOptions {
  readonly catalogue: Catalogue;
  readonly dispatch: Dispatch;
  /** Who a session token belongs to; null when it is unknown, expired or ended. */
  readonly authenticate: (token: string) => MaybePromise<Caller | null>;
  readonly publicUrl: string;
  readonly trustProxy: boolean;
  readonly report: ErrorReporter;
}

/** What the door is made with, and what it has made of it. */
type Door = DoorOptions & { readonly methodsAt: (url: string) => readonly string[] };

/** A body of our operations is a form; the largest has a few thousand characters. */
const bodyBytesMax = 256 * 1024;
/** Slow headers and slow bodies end here (docs/hostile.md, 42). */
const requestTimeoutMs = 30_000;

/** The HTTP door: one Fastify route an operation, made from its declaration. */
export function httpDoor(given: DoorOptions): FastifyInstance {
  const options: Door = { ...given, methodsAt: methodsAt(given.catalogue.operations) };
  const app = Fastify({
    logger: false,
    genReqId: (request) => requestIdOf(request.headers),
    bodyLimit: bodyBytesMax,
    requestTimeout: requestTimeoutMs,
    // One proxy: the last address, which it has added itself. What stands before it, the client may have written.
    trustProxy: options.trustProxy ? (_address, hop) => hop < 1 : false,
    forceCloseConnections: "idle",
    routerOptions: { maxParamLength: 500 },
    // An address that the router cannot read, or with a longer parameter than that, comes here without a route.
    frameworkErrors: (error, request, reply) => void answerError(error, request as FastifyRequest, reply as FastifyReply, options),
  });
  sayRequestId(app);
  acceptJsonOnly(app);
  app.setErrorHandler((error, request, reply) => answerError(error, request, reply, options));
  app.setNotFoundHandler((request, reply) => answerError(undefined, request, reply, options));
  for (const operation of options.catalogue.operations) addRoute(app, operation, options);
  return app;
}

/** Every response carries its id, also one that no operation gives; an operation's answers are written past the hooks. */
export function sayRequestId(app: FastifyInstance): void {
  app.addHook("onSend", (request, reply, payload, done) => {
    if (!reply.hasHeader("x-request-id")) reply.header("x-request-id", request.id);
    done(null, payload);
  });
}

/** JSON, or no body at all: what a form on another site can send is refused by its type. */
function acceptJsonOnly(app: FastifyInstance): void {
  app.removeContentTypeParser("text/plain");
  const parseCarefully = app.getDefaultJsonParser("error", "error");
  app.removeContentTypeParser("application/json");
  const read = (request: FastifyRequest, text: string): unknown => {
    if (text.length === 0) return undefined;
    if (!suspicious(text)) return JSON.parse(text);
    let fault: Error | null = null;
    let body: unknown;
    // Calls back before it returns, and takes what is thrown in there for a fault of the JSON.
    parseCarefully(request, text, (error, parsed) => {
      fault = error;
      body = parsed;
    });
    if (fault !== null) throw fault;
    refuseUnstorable(body);
    return body;
  };
  app.addContentTypeParser("application/json", { parseAs: "buffer" }, (request, bytes: Buffer, done) => {
    let body: unknown;
    try {
      body = read(request, textOf(bytes));
    } catch (error) {
      return done(Object.assign(error as Error, { statusCode: 400 }), undefined);
    }
    done(null, body);
  });
}

/** Decoding would put U+FFFD for what is no UTF-8, and something else than was sent would be kept (docs/hostile.md, 41). */
function textOf(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw invalid({ field: "body", rule: "utf8", message: "is not UTF-8" });
  return bytes.toString("utf8");
}

/**
 * Whether a body could name a prototype, a NUL or half a surrogate pair: decoded UTF-8 has none of these unless they are
 * written out, or spelled with an escape. Only such a body is worth searching.
 */
const suspicious = (text: string): boolean => text.includes("\\u") || text.includes("__proto__") || text.includes('"constructor"');

function addRoute(app: FastifyInstance, operation: Operation, options: Door): void {
  if (operation.http === undefined) return;
  const [method, url] = operation.http.split(" ") as [string, string];
  const serialize = fastJsonStringify(operation.output as never) as (output: unknown) => string;
  const status = operation.status ?? 200;
  const nothing = (operation.output as { type?: string }).type === "null";
  const read = inputReader(operation, url);

  const send = (answer: Answer, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const headers = ["x-request-id", request.id, "cache-control", "no-store"];
    if (answer.revision !== undefined) headers.push("x-gatehouse-revision", answer.revision);
    if (operation.versioned && !nothing) headers.push("etag", `"${(answer.output as { version: number }).version}"`);
    if (operation.cookie === "begins") headers.push("set-cookie", sessionCookie(answer.output as never, options.publicUrl));
    if (operation.cookie === "ends") headers.push("set-cookie", clearSessionCookie(options.publicUrl));
    if (nothing) return respond(reply, status === 200 ? 204 : status, headers, undefined);
    return respond(reply, status, headers, serialize(answer.output));
  };

  const handler = (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> | FastifyReply => {
    const fail = (error: unknown) => answerError(error, request, reply, options);
    try {
      const sent = credentialOf(request, options.publicUrl, method);
      const caller = sent === undefined ? anonymous : callerOf(sent, options, operation);
      const answer = after(caller, (known) => options.dispatch(callOf(request, known)));
      if (answer instanceof Promise) return answer.then((given) => send(given, request, reply)).catch(fail);
      return send(answer, request, reply);
    } catch (error) {
      return fail(error);
    }
  };

  const callOf = (request: FastifyRequest, caller: Caller): Call => ({
    operation: operation.name,
    input: inputOf(read, request),
    caller,
    origin: new RequestOrigin(request),
    idempotencyKey: method === "POST" && operation.kind === "command" ? idempotencyKeyOf(request) : undefined,
    ifMatch: operation.versioned ? ifMatchOf(request) : undefined,
    traceparent: request.headers["traceparent"] as string | undefined,
  });
  app.route({ method, url, handler, exposeHeadRoute: false });
}

/**
 * Writes an answer that is complete. Past Fastify's own sending, which looks for streams, hooks and types that an
 * operation's answer never has; it would cost as much as the operation.
 */
function respond(reply: FastifyReply, status: number, headers: string[], body: string | undefined): FastifyReply {
  reply.hijack();
  if (body !== undefined)
    headers.push("content-type", "application/json; charset=utf-8", "content-length", String(Buffer.byteLength(body)));
  writeTogether(reply.raw, () => {
    reply.raw.writeHead(status, headers);
    reply.raw.end(body);
  });
  return reply;
}

function callerOf(sent: SentCredential, options: DoorOptions, operation: Operation): MaybePromise<Caller> {
  return after(options.authenticate(sent.token), (caller) => {
    if (caller !== null) return caller;
    // A stale cookie must not keep a browser from signing in again.
    if (sent.from === "cookie" && operation.allow.kind === "anyone") return anonymous;
    throw new OperationError(CredentialInvalid);
  });
}

/** Read when somebody asks: most calls of memory ask for none of it. */
class RequestOrigin implements Origin {
  readonly #request: FastifyRequest;
  constructor(request: FastifyRequest) {
    this.#request = request;
  }
  get ip(): string {
    return this.#request.ip;
  }
  get userAgent(): string | null {
    return this.#request.headers["user-agent"]?.slice(0, 500) ?? null;
  }
  get requestId(): string {
    return this.#request.id;
  }
  get traceId(): string {
    return traceOf(this.#request);
  }
}

/** A longer key is refused rather than cut, because two that differ at the end would be one. */
const idempotencyKeyMax = 255;

function idempotencyKeyOf(request: FastifyRequest): string | undefined {
  const key = request.headers["idempotency-key"];
  if (typeof key !== "string" || key.length === 0) return undefined;
  if (key.length > idempotencyKeyMax) throw invalid({ field: "Idempotency-Key", rule: "maxLength" });
  return key;
}
