import type { FastifyReply, FastifyRequest } from "fastify";
import { MethodNotAllowed, OperationError, RouteNotFound } from "../declaration/errors.ts";
import { asOperationError, envelopeOf } from "../transport/envelope.ts";
import { traceOf } from "./request.ts";

/** Told of each answer of status 500 and above, with the cause that the answer does not show. */
export type ErrorReporter = (
  error: unknown,
  request: { readonly traceId: string; readonly method: string; readonly route: string },
) => void;

interface Reporting {
  readonly publicUrl: string;
  readonly report: ErrorReporter;
  /** The methods that an address takes; empty where it leads nowhere, and not given where nothing takes another. */
  readonly methodsAt?: (url: string) => readonly string[];
}

/**
 * Answers with the one error envelope (docs/contract.md, "Answers"). `undefined` stands for a request that no route takes: its address
 * leads nowhere, or does with another method only, whatever else is wrong with the request.
 */
export function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply, options: Reporting): FastifyReply {
  const traceId = traceOf(request);
  const taken = (request.is404 ? options.methodsAt?.(request.url) : undefined) ?? [];
  // An address that cannot be read is looked up as none, also with the method that it takes.
  const allowed = taken.includes(request.method) ? [] : taken;
  const known =
    allowed.length > 0
      ? new OperationError(MethodNotAllowed)
      : error === undefined
        ? new OperationError(RouteNotFound)
        : asOperationError(error);
  const { status } = known.definition;
  if (status >= 500) options.report(error, { traceId, method: request.method, route: request.routeOptions.url ?? "-" });
  if (known.retryAfterSeconds !== undefined) reply.header("retry-after", known.retryAfterSeconds);
  if (known.rateLimits !== undefined) reply.headers({ "ratelimit-policy": known.rateLimits.policy, ratelimit: known.rateLimits.state });
  if (allowed.length > 0) reply.header("allow", allowed.join(", "));
  if (status === 401) reply.header("www-authenticate", 'Bearer realm="gatehouse"');
  return reply
    .code(status)
    .header("x-request-id", request.id)
    .header("cache-control", "no-store")
    .header("content-type", "application/json; charset=utf-8")
    .send(JSON.stringify(envelopeOf(known, traceId, options.publicUrl)));
}
