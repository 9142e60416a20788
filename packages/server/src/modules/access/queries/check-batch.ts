import type { Decision } from "@gatehouse/policy";
import { signedIn } from "../../../operation/authorization.ts";
import { type ErrorDetail, PermissionDenied } from "../../../operation/errors.ts";
import { Type } from "../../../operation/schema.ts";
import { answerOf, CheckAnswer, CheckRequest, decideFor } from "../check.ts";
import { UnknownPermission } from "../errors.ts";
import { access } from "../module.ts";

/** More at once would let one request hold the process for long. */
const checksMax = 1_000;

/** Many checks in one request; the answers stand in the order of the questions (docs/contract.md). */
export const checkBatch = access.memoryQuery("checkBatch", {
  http: "POST /api/v1/iam/authorization/check-batch",
  summary: "Check many actions at once.",
  allow: signedIn(),
  input: Type.Object({ checks: Type.Array(CheckRequest, { minItems: 1, maxItems: checksMax }) }),
  output: Type.Object({ results: Type.Array(CheckAnswer), revision: Type.String() }),
  errors: [UnknownPermission, PermissionDenied],
  tenant: () => undefined,
  async run({ state, platform, caller, fail, notHeld }, { checks }) {
    const others = caller.kind === "user" && checks.some((check) => check.userId !== caller.userId);
    if (others) {
      const lacking = caller.organizationId === null ? await notHeld(null, ["Authorization.Check"]) : ["Authorization.Check"];
      if (lacking.length > 0) fail(PermissionDenied, { field: "checks", rule: "permission", permission: "Authorization.Check" });
    }
    // All together: of several that fail, none is left that nobody waits for.
    const decisions = await Promise.all(checks.map((check) => decideFor(state, check, caller)));
    const results = [];
    const unknown: ErrorDetail[] = [];
    for (const [index, check] of checks.entries()) {
      const decision = decisions[index] as Decision;
      if (!decision.allowed && (await state.scopeOf(check.actionType)) === undefined) unknown.push({ field: `checks.${index}.actionType` });
      platform.metrics.decisions.inc(decision.allowed ? "true" : "false", decision.reason);
      results.push(answerOf(decision, check, platform.log.revision));
    }
    if (unknown.length > 0) fail(UnknownPermission, ...unknown);
    return { results, revision: platform.log.revision };
  },
});
