import { EvaluationLimit, UnknownPermission, UnknownResourceType, withOperationErrors } from "#modules/authorization/access/index.ts";
import { identified } from "#operation/declaration/authorization.ts";
import { PermissionDenied, TooManyRequests } from "#operation/declaration/errors.ts";
import { after } from "#operation/kernel/maybe-promise.ts";
import { answerOf, CheckAnswer, CheckRequest, decideFor } from "../check.ts";
import { queryContext } from "../evaluate.ts";
import { mayQuery } from "../may-query.ts";
import { decisions } from "../module.ts";

/**
 * Decides whether a user may perform an action in a scope. Every caller may check themselves. Checks of others need `Authorization.Check`, or
 * `Organization.CheckAccess` in the organization.
 */
export const check = decisions.inMemoryQuery("check", {
  http: "POST /api/v1/iam/authorization/check",
  summary: "Check whether a user may perform an action.",
  // The handler authorizes: one error for all other users, so that it does not reveal which organizations exist.
  allow: identified({ appliesScopes: true }),
  input: CheckRequest,
  output: CheckAnswer,
  errors: [UnknownPermission, UnknownResourceType, EvaluationLimit, PermissionDenied, TooManyRequests],
  tenant: () => undefined,
  decision: ({ isAuthorized, reasonCode, decisionId }) => ({ allowed: isAuthorized, reason: reasonCode, decisionId }),
  run({ state, services, principal, holds, fail }, request) {
    const decideNow = () =>
      withOperationErrors(
        () => decideFor(state, request, queryContext({ state, principal, services })),
        (decided) => {
          const { decision } = decided;
          services.metrics.decisions.inc(decision.allowed ? "true" : "false", decision.reason);
          state.recorder.record(request, decision);
          return answerOf(decided, request, services.revision);
        },
      );
    return after(mayQuery({ principal, holds }, request.userId, request.tenantId ?? null), (may) =>
      may ? decideNow() : fail(PermissionDenied, { field: "userId", rule: "permission", permission: "Authorization.Check" }),
    );
  },
});
