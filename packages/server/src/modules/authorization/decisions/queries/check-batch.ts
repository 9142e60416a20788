import {
  asOperationError,
  checkFields,
  EvaluationLimit,
  UnknownPermission,
  UnknownResourceType,
} from "#modules/authorization/access/index.ts";
import { identified } from "#operation/declaration/authorization.ts";
import { type ErrorDetail, OperationError, PermissionDenied, TooManyRequests } from "#operation/declaration/errors.ts";
import { isIdentified, isSelf } from "#operation/declaration/principal.ts";
import { Type } from "#operation/declaration/schema.ts";
import { attempt, type MaybePromise } from "#operation/kernel/maybe-promise.ts";
import { isSliceSpent, nextSlice } from "#platform/time-slice.ts";
import { answerOf, CheckAnswer, CheckRequest, decideFor } from "../check.ts";
import { queryContext } from "../evaluate.ts";
import { mayQuery } from "../may-query.ts";
import { decisions } from "../module.ts";
import type { Decided } from "../projection/reader.ts";

/** Limits the size of a request; the budget limits the cost of its checks (decision 0038). */
const checksMax = 1_000;

/** Decides many checks in one request, each about a user whom the caller may check. The results have the order of the checks. */
export const checkBatch = decisions.inMemoryQuery("checkBatch", {
  http: "POST /api/v1/iam/authorization/check-batch",
  summary: "Check many actions at once.",
  allow: identified({ appliesScopes: true }),
  input: Type.Object({ checks: Type.Array(CheckRequest, { minItems: 1, maxItems: checksMax }) }),
  output: Type.Object({ results: Type.Array(CheckAnswer), revision: Type.String() }),
  errors: [UnknownPermission, UnknownResourceType, EvaluationLimit, PermissionDenied, TooManyRequests],
  tenant: () => undefined,
  async run({ state, services, principal, fail, holds }, { checks }) {
    const others = isIdentified(principal) ? checks.filter((check) => !isSelf(principal, check.userId)) : [];
    // One authorization per tenant: it is the same for all users of a tenant.
    for (const [tenantId, [about]] of Map.groupBy(others, (check) => check.tenantId ?? null)) {
      if (!(await mayQuery({ principal, holds }, about?.userId, tenantId)))
        fail(PermissionDenied, { field: "checks", rule: "permission", permission: "Authorization.Check" });
    }
    const shared = queryContext({ state, principal, services });
    const pending: MaybePromise<Outcome>[] = [];
    for (const check of checks) {
      pending.push(outcomeOf(() => decideFor(state, check, shared)));
      if (isSliceSpent()) await nextSlice();
    }
    // Waits for all of them, so that no rejection is left unhandled.
    const decided = pending.some((each) => each instanceof Promise) ? await Promise.all(pending) : (pending as readonly Outcome[]);
    const failed = decided.flatMap((each, index) =>
      "error" in each ? [asOperationError(each.error, checkFields, `checks.${index}.`)] : [],
    );
    if (failed.length > 0) throw together(failed);
    const { revision } = services;
    const results = checks.map((check, index) => {
      const answer = decided[index] as Decided;
      const { decision } = answer;
      services.metrics.decisions.inc(decision.allowed ? "true" : "false", decision.reason);
      state.recorder.record(check, decision);
      return answerOf(answer, check, revision);
    });
    return { results, revision };
  },
});

type Outcome = Decided | { readonly error: unknown };

/** The outcome of a check. Most are decided from caches without a promise, which would cost as much as the decision. */
function outcomeOf(decide: () => MaybePromise<Decided>): MaybePromise<Outcome> {
  return attempt<Decided, Outcome>(
    decide,
    (decided) => decided,
    (error) => ({ error }),
  );
}

/** Combines errors: an internal error has precedence; else the first one, with the details of all errors of its kind. */
function together(errors: readonly unknown[]): unknown {
  const internalError = errors.find((error) => !(error instanceof OperationError) || error.definition.status >= 500);
  if (internalError !== undefined) return internalError;
  const [first] = errors as readonly OperationError[];
  const alike = (errors as readonly OperationError[]).filter(({ definition }) => definition === first?.definition);
  return new OperationError(
    (first as OperationError).definition,
    alike.flatMap(({ details }): readonly ErrorDetail[] => details),
  );
}
