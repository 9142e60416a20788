import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { TrustedProxies } from "#platform/network/trusted-proxies.ts";
import { type HttpHandler, httpAppBodyBytesMax } from "../declaration/http-app.ts";
import type { Origin } from "../declaration/origin.ts";
import { asOperationError, envelopeOf } from "../transport/envelope.ts";
import { endToEnd, type HttpAnswer, type HttpRequest } from "../transport/http-message.ts";
import type { ErrorReporter } from "./error-answer.ts";
import { type Instrumentation, instrumented } from "./instrumented.ts";
import { RequestOrigin } from "./request.ts";

/** An HTTP application as this process serves it: by running it, or by sending requests to a process that does. */
export interface ServedHttpApp {
  readonly name: string;
  readonly routes: readonly string[];
  readonly run: { readonly here: HttpHandler } | { readonly elsewhere: (request: HttpRequest) => Promise<HttpAnswer> };
}

interface HttpAppOptions extends Instrumentation {
  readonly publicUrl: string;
  readonly trustProxy: TrustedProxies;
  readonly report: ErrorReporter;
  readonly closing: () => boolean;
}

/** Adds the routes of HTTP applications. Each application has a scope of its own, because it reads bodies itself, of every media type. */
export function mountHttpApps(app: FastifyInstance, apps: readonly ServedHttpApp[], options: HttpAppOptions): void {
  for (const { name, routes, run } of apps) {
    app.register(async (scope) => {
      scope.removeAllContentTypeParsers();
      if ("here" in run) scope.addContentTypeParser("*", (_request, _stream, done) => done(null));
      else
        scope.addContentTypeParser("*", { parseAs: "buffer", bodyLimit: httpAppBodyBytesMax }, (_request, body, done) => done(null, body));
      const answer = "here" in run ? answerHere(run.here) : answerElsewhere(run.elsewhere);
      for (const route of routes) addRoute(scope, { name, route, answer: answered(answer, options) }, options);
    });
  }
}

type Answering = (request: FastifyRequest, reply: FastifyReply, origin: Origin) => Promise<void>;

interface MountedRoute {
  readonly name: string;
  readonly route: string;
  readonly answer: (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>;
}

function addRoute(scope: FastifyInstance, { name, route, answer }: MountedRoute, options: HttpAppOptions): void {
  const [method, url] = route.split(" ") as [string, string];
  scope.route({
    method: method === "GET" ? ["GET", "HEAD"] : method,
    url,
    handler: instrumented(answer, { http: route, name, kind: "command" }, options),
    exposeHeadRoute: false,
  });
}

/** Takes the answer out of Fastify's hands, which would write it by its own rules. */
const answered =
  (answer: Answering, options: HttpAppOptions) =>
  async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const origin = new RequestOrigin(request, options.trustProxy);
    reply.hijack();
    reply.raw.setHeader("x-request-id", request.id);
    if (options.closing()) reply.raw.setHeader("connection", "close");
    try {
      await answer(request, reply, origin);
    } catch (error) {
      fail(error, request, reply, { ...options, traceId: origin.traceId });
    }
    return reply;
  };

const answerHere =
  (handle: HttpHandler): Answering =>
  (request, reply, origin) =>
    handle(request.raw, reply.raw, origin);

const answerElsewhere =
  (forward: (request: HttpRequest) => Promise<HttpAnswer>): Answering =>
  async ({ raw, body }, reply, { ip, userAgent, requestId, traceId }) => {
    const answer = await forward({
      method: raw.method as string,
      url: raw.url as string,
      headers: endToEnd(raw.headers),
      body: body instanceof Uint8Array ? body : new Uint8Array(),
      origin: { ip, userAgent, requestId, traceId },
    });
    for (const [name, value] of Object.entries(answer.headers)) reply.raw.setHeader(name, value);
    reply.raw.setHeader("content-length", answer.body.byteLength);
    reply.raw.statusCode = answer.status;
    reply.raw.end(answer.body);
  };

/** Answers with the error envelope. An answer that has begun is cut off, so that no client takes it for complete. */
function fail(
  error: unknown,
  request: FastifyRequest,
  { raw }: FastifyReply,
  { publicUrl, report, traceId }: HttpAppOptions & { readonly traceId: string },
): void {
  const known = asOperationError(error);
  const { status } = known.definition;
  if (status >= 500) report(error, { traceId, method: request.method, route: request.routeOptions.url ?? "-" });
  if (raw.headersSent) return void raw.destroy();
  for (const name of raw.getHeaderNames()) if (name !== "x-request-id" && name !== "connection") raw.removeHeader(name);
  if (known.retryAfterSeconds !== undefined) raw.setHeader("retry-after", known.retryAfterSeconds);
  raw.writeHead(status, { "cache-control": "no-store", "content-type": "application/json; charset=utf-8" });
  raw.end(JSON.stringify(envelopeOf(known, traceId, publicUrl)));
}
