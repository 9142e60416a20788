import { mayQuery, queryContext, queryPermissionMissing } from "#modules/authorization/decisions/index.ts";
import { identified } from "#operation/declaration/authorization.ts";
import { PermissionDenied, TooManyRequests } from "#operation/declaration/errors.ts";
import { isSelf, type Principal } from "#operation/declaration/principal.ts";
import { nullable, oneOf, type Static, Type } from "#operation/declaration/schema.ts";
import { refuseUnstorable } from "#operation/declaration/storable.ts";
import { isSliceSpent, nextSlice } from "#platform/time-slice.ts";
import { Decision, decideOn, type EvaluationContext, type ParsedEvaluation, parseEvaluation } from "./decision.ts";
import { Facts, open, optionalFacts } from "./entities.ts";
import { checkWhole, completed, type Defaults } from "./items.ts";
import { authzen } from "./module.ts";

/** The same limit as check-batch. */
const evaluationsMax = 1_000;

const optionalText = Type.Optional(nullable(Type.String()));
/** A default may be incomplete if every item has the missing members. */
const DefaultEntity = Type.Optional(
  nullable(Type.Object({ type: optionalText, id: optionalText, name: optionalText, properties: optionalFacts }, open)),
);
const Semantic = oneOf("execute_all", "deny_on_first_deny", "permit_on_first_permit");
type Semantic = Static<typeof Semantic>;

/** AuthZEN 1.0, Access Evaluations (7): decides many evaluations in one request, or a single one without `evaluations`. */
export const evaluateMany = authzen.inMemoryQuery("evaluateMany", {
  http: "POST /access/v1/evaluations",
  summary: "AuthZEN: decide many evaluations at once.",
  allow: identified({ appliesScopes: true }),
  input: Type.Object(
    {
      subject: DefaultEntity,
      action: DefaultEntity,
      resource: DefaultEntity,
      context: optionalFacts,
      evaluations: Type.Optional(
        nullable(
          Type.Array(Type.Unknown({ description: "An evaluation. The request's own members are its defaults." }), {
            maxItems: evaluationsMax,
          }),
        ),
      ),
      options: Type.Optional(nullable(Type.Object({ evaluations_semantic: Type.Optional(nullable(Semantic)) }, open))),
    },
    open,
  ),
  /** A single decision, or `evaluations` in the order of the request. */
  output: Type.Object({
    decision: Type.Optional(Type.Boolean()),
    context: Type.Optional(Facts),
    evaluations: Type.Optional(Type.Array(Decision)),
  }),
  errors: [PermissionDenied, TooManyRequests],
  tenant: () => undefined,
  async run({ state, services, principal, holds, fail }, request) {
    refuseUnstorable(request);
    const { evaluations, options, ...defaults } = request;
    const items = evaluations ?? [];
    if (items.length === 0) checkWhole(defaults);
    const shared = queryContext({ state, principal, services });
    const parsed: ParsedEvaluation[] = [];
    for (const item of items.length === 0 ? [{}] : items) {
      parsed.push(evaluationOf(item, defaults, principal));
      if (isSliceSpent()) await nextSlice();
    }
    // Authorizes the caller for every evaluation, even if a short circuit would skip it: access must not depend on the decisions.
    const others = parsed.flatMap((one) => ("check" in one && !isSelf(principal, one.check.userId) ? [one.check.tenantId] : []));
    for (const tenantId of new Set(others)) {
      if (!(await mayQuery({ principal, holds }, undefined, tenantId))) fail(PermissionDenied, queryPermissionMissing);
    }
    const context = { ...shared, services, records: isSmall(defaults) };
    if (items.length === 0) return decideOn(context, parsed[0] as ParsedEvaluation);
    return { evaluations: await decideAll(context, parsed, options?.evaluations_semantic ?? "execute_all") };
  },
});

function evaluationOf(item: unknown, defaults: Defaults, principal: Principal): ParsedEvaluation {
  const evaluation = completed(item, defaults);
  return "decision" in evaluation ? { decision: evaluation } : parseEvaluation(evaluation, principal);
}

/** A recorded evaluation includes the defaults. Large defaults are not recorded for each of a thousand evaluations. */
const defaultsLengthMax = 4_000;
const isSmall = (defaults: object): boolean => JSON.stringify(defaults).length <= defaultsLengthMax;

/** Evaluations decided concurrently, so that missing data is loaded in few batches. Not all at once, so that the budget lasts for the first. */
const concurrencyMax = 100;

async function decideEach(context: EvaluationContext, evaluations: readonly ParsedEvaluation[]): Promise<Decision[]> {
  const decided: Decision[] = [];
  for (let from = 0; from < evaluations.length; from += concurrencyMax) {
    const batch = evaluations.slice(from, from + concurrencyMax);
    decided.push(...(await Promise.all(batch.map((evaluation) => decideInSlice(context, evaluation)))));
  }
  return decided;
}

async function decideInSlice(context: EvaluationContext, evaluation: ParsedEvaluation): Promise<Decision> {
  if (isSliceSpent()) await nextSlice();
  return decideOn(context, evaluation);
}

/** Decides all evaluations, or in order up to the one that short-circuits (7.1.2.1). The rest is neither decided nor returned. */
async function decideAll(context: EvaluationContext, evaluations: readonly ParsedEvaluation[], semantic: Semantic): Promise<Decision[]> {
  if (semantic === "execute_all") return decideEach(context, evaluations);
  const settling = semantic === "permit_on_first_permit";
  const decided: Decision[] = [];
  for (const evaluation of evaluations) {
    const decision = await decideInSlice(context, evaluation);
    decided.push(decision);
    if (decision.decision === settling) break;
  }
  return decided;
}
