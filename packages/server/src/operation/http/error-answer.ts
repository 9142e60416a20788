import type { FastifyReply, FastifyRequest } from "fastify";
import { Unavailable } from "../../platform/database/faults.ts";
import {
  DependencyUnavailable,
  InternalError,
  invalid,
  OperationError,
  PayloadTooLarge,
  RouteNotFound,
  UnsupportedMediaType,
} from "../errors.ts";
import { traceOf } from "./request.ts";

/** Told of each answer of status 500 and above, with the cause that the answer does not show. */
export type ErrorReporter = (
  error: unknown,
  request: { readonly traceId: string; readonly method: string; readonly route: string },
) => void;

interface Reporting {
  readonly publicUrl: string;
  readonly report: ErrorReporter;
}

/** Answers with the one error envelope (docs/contract.md, "Answers"). `undefined` stands for an address that leads nowhere. */
export function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply, options: Reporting): FastifyReply {
  const traceId = traceOf(request);
  const known = error === undefined ? new OperationError(RouteNotFound) : translated(error);
  const { code, status, message } = known.definition;
  if (status >= 500) options.report(error, { traceId, method: request.method, route: request.routeOptions.url ?? "-" });
  if (known.retryAfterSeconds !== undefined) reply.header("retry-after", known.retryAfterSeconds);
  if (status === 401) reply.header("www-authenticate", 'Bearer realm="gatehouse"');
  return reply
    .code(status)
    .header("x-request-id", request.id)
    .header("cache-control", "no-store")
    .header("content-type", "application/json; charset=utf-8")
    .send(
      JSON.stringify({
        success: false,
        error: { code, message, details: known.details, traceId, docs: `${options.publicUrl}/errors/${code}` },
      }),
    );
}

/** One mapper for whatever can be thrown. */
function translated(error: unknown): OperationError {
  if (error instanceof OperationError) return error;
  if (error instanceof Unavailable) return new OperationError(DependencyUnavailable, [], { cause: error, retryAfterSeconds: 1 });
  const status = (error as { statusCode?: number }).statusCode;
  if (status === 413) return new OperationError(PayloadTooLarge);
  if (status === 415) return new OperationError(UnsupportedMediaType);
  if (status !== undefined && status >= 400 && status < 500) {
    // Fastify's own refusals: a body that is no JSON, a forbidden `__proto__`, an address that cannot be decoded.
    return invalid({ field: "request", rule: "syntax", message: "cannot be read: malformed address or JSON" });
  }
  return new OperationError(InternalError, [], { cause: error });
}
