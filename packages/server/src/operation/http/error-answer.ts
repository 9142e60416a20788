import type { FastifyReply, FastifyRequest } from "fastify";
import { MethodNotAllowed, OperationError, RouteNotFound } from "../declaration/errors.ts";
import { asOperationError, envelopeOf } from "../transport/envelope.ts";
import { traceOf } from "./request.ts";

/** Called for each answer of status 500 and above, with the cause that the answer does not show. */
export type ErrorReporter = (
  error: unknown,
  request: { readonly traceId: string; readonly method: string; readonly route: string },
) => void;

interface ErrorAnswerOptions {
  readonly publicUrl: string;
  readonly report: ErrorReporter;
  /** The methods of an address; empty where it has no route. Absent where 405 is never answered. */
  readonly methodsAt?: (url: string) => readonly string[];
}

/**
 * Answers with the error envelope (docs/contract.md, "Answers"). `error` is undefined for a request without a route. An address with
 * other methods gets 405, whatever else is wrong with the request.
 */
export function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply, options: ErrorAnswerOptions): FastifyReply {
  const traceId = traceOf(request);
  const methods = (request.is404 ? options.methodsAt?.(request.url) : undefined) ?? [];
  // The router finds no route for a malformed address, even where the method is allowed.
  const allowed = methods.includes(request.method) ? [] : methods;
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
  if (status === 401) reply.header("www-authenticate", challengeOf(options));
  return reply
    .code(status)
    .header("x-request-id", request.id)
    .header("cache-control", "no-store")
    .header("content-type", "application/json; charset=utf-8")
    .send(JSON.stringify(envelopeOf(known, traceId, options.publicUrl)));
}

/** How to authenticate (RFC 9110 §11.6.1), and where the metadata is by which an OAuth client finds the authorization server (RFC 9728 §5.1). */
const challengeOf = ({ publicUrl }: Pick<ErrorAnswerOptions, "publicUrl">): string =>
  `Bearer realm="gatehouse", resource_metadata="${publicUrl}/.well-known/oauth-protected-resource"`;
