import type { Decision } from "@gatehouse/policy";
import { either, internal, subject } from "../../../operation/authorization.ts";
import type { Platform } from "../../../platform/platform.ts";
import { answerOf, CheckAnswer, CheckRequest, decideFor } from "../check.ts";
import { UnknownPermission } from "../errors.ts";
import { access } from "../module.ts";

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
  errors: [UnknownPermission],
  tenant: () => undefined,
  run({ state, platform, caller, fail }, request) {
    const decided = decideFor(state, request, caller);
    const answer = (decision: Decision) => counted(platform, decision, answerOf(decision, request, platform.log.revision));
    if (!(decided instanceof Promise) && decided.allowed) return answer(decided);
    return (async () => {
      const decision = await decided;
      // Only a denial can be for a permission that nobody has defined: that is a mistake to be told, not a "no".
      if (!decision.allowed && (await state.scopeOf(request.actionType)) === undefined) fail(UnknownPermission, { field: "actionType" });
      return answer(decision);
    })();
  },
});

function counted<Answer>(platform: Platform, decision: Decision, answer: Answer): Answer {
  platform.metrics.decisions.inc(decision.allowed ? "true" : "false", decision.reason);
  return answer;
}
