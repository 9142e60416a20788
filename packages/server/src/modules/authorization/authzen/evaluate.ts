import { mayQuery, queryContext, queryPermissionMissing } from "#modules/authorization/decisions/index.ts";
import { identified } from "#operation/declaration/authorization.ts";
import { PermissionDenied, TooManyRequests } from "#operation/declaration/errors.ts";
import { refuseUnstorable } from "#operation/declaration/storable.ts";
import { after } from "#operation/kernel/maybe-promise.ts";
import { Decision, decideOn, parseEvaluation } from "./decision.ts";
import { Evaluation } from "./entities.ts";
import { authzen } from "./module.ts";

/** AuthZEN 1.0, Access Evaluation (6). An undefined action or resource type is denied; it is no error. */
export const evaluate = authzen.inMemoryQuery("evaluate", {
  http: "POST /access/v1/evaluation",
  summary: "AuthZEN: decide whether a subject may perform an action on a resource.",
  allow: identified({ appliesScopes: true }),
  input: Evaluation,
  output: Decision,
  errors: [PermissionDenied, TooManyRequests],
  tenant: () => undefined,
  decision: ({ decision }) => ({ allowed: decision }),
  run({ state, services, principal, holds, fail }, evaluation) {
    refuseUnstorable(evaluation);
    const shared = queryContext({ state, principal, services });
    const parsed = parseEvaluation(evaluation, principal);
    if ("decision" in parsed) return parsed.decision;
    const { userId, tenantId } = parsed.check;
    return after(mayQuery({ principal, holds }, userId, tenantId), (may) =>
      may ? decideOn({ ...shared, services, records: true }, parsed) : fail(PermissionDenied, queryPermissionMissing),
    );
  },
});
