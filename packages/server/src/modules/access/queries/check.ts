import { either, internal, subject } from "../../../operation/authorization.ts";
import { TooManyRequests } from "../../../operation/errors.ts";
import { queryContext } from "../asking.ts";
import { answerOf, CheckAnswer, CheckRequest, decideFor } from "../check.ts";
import { EvaluationLimit, UnknownPermission, UnknownResourceType } from "../errors.ts";
import { access } from "../module.ts";
import { tellingErrors } from "../policy-errors.ts";

/**
 * Whether a user may perform an action in a scope (S3 §8, authorization check), from the read model alone. Everybody
 * may ask about himself; asking about others takes `Authorization.Check`.
 */
export const check = access.memoryQuery("check", {
  http: "POST /api/v1/iam/authorization/check",
  summary: "Check whether a user may perform an action.",
  allow: either(subject("userId"), internal("Authorization.Check")),
  input: CheckRequest,
  output: CheckAnswer,
  errors: [UnknownPermission, UnknownResourceType, EvaluationLimit, TooManyRequests],
  tenant: () => undefined,
  decision: ({ isAuthorized, reasonCode, decisionId }) => ({ allowed: isAuthorized, reason: reasonCode, decisionId }),
  run({ state, platform, caller }, request) {
    return tellingErrors(
      () => decideFor(state, request, queryContext({ state, caller, platform })),
      (decision) => {
        platform.metrics.decisions.inc(decision.allowed ? "true" : "false", decision.reason);
        state.recorder.record(request, decision);
        return answerOf(state, decision, request, platform.log.revision);
      },
    );
  },
});
