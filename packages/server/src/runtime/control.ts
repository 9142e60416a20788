import { timingSafeEqual } from "node:crypto";
import type { FastifyInstance } from "fastify";
import { OperationError, RouteNotFound } from "#operation/declaration/errors.ts";
import { operator } from "#operation/declaration/principal.ts";
import type { Dispatch } from "#operation/kernel/dispatch.ts";
import { backgroundOrigin } from "#operation/kernel/scheduled.ts";
import { hashSecret } from "#platform/secrets.ts";

export const controlPath = "/control/dispatch";

/**
 * The command line's entry point to a running embedded server, because only one process can open the database. A caller with the
 * secret of the lock file can already read the data directory.
 */
export function registerControl(app: FastifyInstance, dispatch: Dispatch, secret: string): void {
  const expected = Buffer.from(hashSecret(secret));
  app.post(controlPath, async (request, reply) => {
    const shown = Buffer.from(hashSecret(request.headers.authorization?.replace(/^Bearer /, "") ?? ""));
    if (!timingSafeEqual(shown, expected)) throw new OperationError(RouteNotFound);
    const { operation, input } = request.body as { operation: string; input: Record<string, unknown> };
    const answer = await dispatch({ operation, input, principal: operator, origin: backgroundOrigin() });
    return reply.send(answer);
  });
}
