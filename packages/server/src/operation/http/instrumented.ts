import type { FastifyReply, FastifyRequest } from "fastify";
import type { Metrics } from "#platform/telemetry/metrics.ts";
import { noTracer, type Span, type Tracer } from "#platform/telemetry/tracing.ts";
import type { Operation } from "../declaration/operation.ts";

/** The metrics and the tracer of the server; a server of a test has none. */
export interface Instrumentation {
  readonly metrics?: Pick<Metrics, "httpSeconds" | "httpInFlight"> | undefined;
  readonly tracer?: Tracer | undefined;
}

type Answered = Promise<FastifyReply> | FastifyReply;
type Handler = (request: FastifyRequest, reply: FastifyReply) => Answered;

/** An operation, or a route of an HTTP application. */
type Instrumented = Pick<Operation, "http" | "name" | "kind">;

/** Adds metrics and a span to a handler. What is not configured costs nothing. */
export function instrumented(handler: Handler, operation: Instrumented, instrumentation: Instrumentation): Handler {
  return traced(measured(handler, operation.http as string, instrumentation), operation, instrumentation.tracer ?? noTracer);
}

function measured(handler: Handler, address: string, { metrics }: Instrumentation): Handler {
  if (metrics === undefined) return handler;
  const { httpSeconds, httpInFlight } = metrics;
  return (request, reply) => {
    const began = performance.now();
    const ended = () => httpSeconds.observe(address, statusText(reply.raw.statusCode), (performance.now() - began) / 1_000);
    const answer = handler(request, reply);
    if (!(answer instanceof Promise)) {
      ended();
      return answer;
    }
    httpInFlight.inc();
    return answer.finally(() => {
      httpInFlight.dec();
      ended();
    });
  };
}

/** Counts requests that are refused before an operation is called: an unknown address, a malformed body. */
export function countRefusal(request: FastifyRequest, reply: FastifyReply, { metrics }: Instrumentation): void {
  const route = request.is404 ? "unmatched" : (request.routeOptions.url ?? "unmatched");
  metrics?.httpSeconds.observe(`${request.method} ${route}`, statusText(reply.raw.statusCode), reply.elapsedTime / 1_000);
}

const statusTexts = new Map<number, string>();

/** Caches the texts of the few status codes, which every request needs. */
function statusText(status: number): string {
  let text = statusTexts.get(status);
  if (text === undefined) {
    text = String(status);
    statusTexts.set(status, text);
  }
  return text;
}

/**
 * Adds the span of a request, by OpenTelemetry's conventions for HTTP servers. It has the route instead of the address: path and query
 * may contain ids and personal data.
 */
function traced(handler: Handler, { http, name, kind }: Instrumented, tracer: Tracer): Handler {
  if (!tracer.on) return handler;
  const [method, route] = (http as string).split(" ") as [string, string];
  const attributes = {
    "http.request.method": method,
    "http.route": route,
    "url.scheme": "http",
    "gatehouse.module": kind,
    "gatehouse.operation": name,
  };
  return (request, reply) => {
    const recordStatus = (span: Span) => {
      const { statusCode } = reply.raw;
      span.set({ "http.response.status_code": statusCode });
      // A 4xx status is no error of the server span (HTTP conventions, "Status").
      if (statusCode >= 500) span.fail(String(statusCode));
    };
    return tracer.span(
      http as string,
      { kind: "server", parent: request.headers["traceparent"] as string | undefined, attributes },
      (span) => {
        // From here on, error answers, the log and the operation read this span instead of the caller's.
        request.headers["traceparent"] = span.traceparent;
        const answer = handler(request, reply);
        if (!(answer instanceof Promise)) {
          recordStatus(span);
          return answer;
        }
        return answer.finally(() => recordStatus(span));
      },
    );
  };
}
