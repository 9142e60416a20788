import type { FastifyReply, FastifyRequest } from "fastify";
import type { Metrics } from "#platform/telemetry/metrics.ts";
import { noTracer, type Span, type Tracer } from "#platform/telemetry/tracing.ts";
import type { Operation } from "../declaration/operation.ts";

/** What the door measures with; without it (a door of a test) nothing is. */
export interface Instrumentation {
  readonly metrics?: Pick<Metrics, "httpSeconds" | "httpInFlight"> | undefined;
  readonly tracer?: Tracer | undefined;
}

type Answered = Promise<FastifyReply> | FastifyReply;
type Handler = (request: FastifyRequest, reply: FastifyReply) => Answered;

/** A handler that is measured, and a span where somebody receives traces. What it is not asked for costs it nothing. */
export function instrumented(handler: Handler, operation: Operation, instrumentation: Instrumentation): Handler {
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

/** Counts what is refused before it comes to an operation: no such address, a body that is no JSON. */
export function countRefusal(request: FastifyRequest, reply: FastifyReply, { metrics }: Instrumentation): void {
  const route = request.is404 ? "unmatched" : (request.routeOptions.url ?? "unmatched");
  metrics?.httpSeconds.observe(`${request.method} ${route}`, statusText(reply.raw.statusCode), reply.elapsedTime / 1_000);
}

const statusTexts = new Map<number, string>();

/** The same few numbers again and again: a text each would be made for every request. */
function statusText(status: number): string {
  let text = statusTexts.get(status);
  if (text === undefined) {
    text = String(status);
    statusTexts.set(status, text);
  }
  return text;
}

/**
 * The span of a request, by OpenTelemetry's conventions for HTTP servers. The route stands for the address: an address
 * has ids, a query can have anything, and neither is put into a span.
 */
function traced(handler: Handler, { http, name, kind }: Operation, tracer: Tracer): Handler {
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
    const told = (span: Span) => {
      const { statusCode } = reply.raw;
      span.set({ "http.response.status_code": statusCode });
      // A refusal is the client's; the server has failed where it says so (HTTP conventions, "Status").
      if (statusCode >= 500) span.fail(String(statusCode));
    };
    return tracer.span(
      http as string,
      { kind: "server", parent: request.headers["traceparent"] as string | undefined, attributes },
      (span) => {
        // From here on the request is in this span: error answers, the log and the operation read it where they would read the caller's.
        request.headers["traceparent"] = span.traceparent;
        const answer = handler(request, reply);
        if (!(answer instanceof Promise)) {
          told(span);
          return answer;
        }
        return answer.finally(() => told(span));
      },
    );
  };
}
