import { mayQuery, queryContext, queryPermissionMissing } from "#modules/authorization/decisions/index.ts";
import { identified } from "#operation/declaration/authorization.ts";
import { PermissionDenied, TooManyRequests } from "#operation/declaration/errors.ts";
import { isUser, type Principal } from "#operation/declaration/principal.ts";
import { nullable, oneOf, type Static, Type } from "#operation/declaration/schema.ts";
import { refuseUnstorable } from "#operation/declaration/storable.ts";
import { isSliceSpent, nextSlice } from "#platform/time-slice.ts";
import { Decision, decideOn, type EvaluationContext, type ParsedEvaluation, parseEvaluation } from "./decision.ts";
import { Facts, open, optionalFacts } from "./entities.ts";
import { checkWhole, completed, type Defaults } from "./items.ts";
import { authzen } from "./module.ts";

/** As many as check-batch takes. */
const evaluationsMax = 1_000;

const optionalText = Type.Optional(nullable(Type.String()));
/** A default may be a part only, where every item has the rest. */
const DefaultEntity = Type.Optional(
  nullable(Type.Object({ type: optionalText, id: optionalText, name: optionalText, properties: optionalFacts }, open)),
);
const Semantic = oneOf("execute_all", "deny_on_first_deny", "permit_on_first_permit");
type Semantic = Static<typeof Semantic>;

/** AuthZEN 1.0, Access Evaluations (7): many questions in one request, or one where there are no `evaluations`. */
export const evaluateMany = authzen.inMemoryQuery("evaluateMany", {
  http: "POST /access/v1/evaluations",
  summary: "AuthZEN: decide many questions at once.",
  allow: identified({ appliesScopes: true }),
  input: Type.Object(
    {
      subject: DefaultEntity,
      action: DefaultEntity,
      resource: DefaultEntity,
      context: optionalFacts,
      evaluations: Type.Optional(
        nullable(
          Type.Array(Type.Unknown({ description: "A question; what it leaves out is taken from the request's own members." }), {
            maxItems: evaluationsMax,
          }),
        ),
      ),
      options: Type.Optional(nullable(Type.Object({ evaluations_semantic: Type.Optional(nullable(Semantic)) }, open))),
    },
    open,
  ),
  /** A bare decision, or `evaluations` in the order of the questions. */
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
    const questions: ParsedEvaluation[] = [];
    for (const item of items.length === 0 ? [{}] : items) {
      questions.push(questionOf(item, defaults, principal));
      if (isSliceSpent()) await nextSlice();
    }
    // Of all, also those that a short circuit would leave out: whether somebody may ask does not depend on the answers.
    const others = questions.flatMap((one) => ("check" in one && !isUser(principal, one.check.userId) ? [one.check.tenantId] : []));
    for (const tenantId of new Set(others)) {
      if (!(await mayQuery({ principal, holds }, undefined, tenantId))) fail(PermissionDenied, queryPermissionMissing);
    }
    const context = { ...shared, services, keeps: isSmall(defaults) };
    if (items.length === 0) return decideOn(context, questions[0] as ParsedEvaluation);
    return { evaluations: await decideAll(context, questions, options?.evaluations_semantic ?? "execute_all") };
  },
});

function questionOf(item: unknown, defaults: Defaults, principal: Principal): ParsedEvaluation {
  const whole = completed(item, defaults);
  return "decision" in whole ? { decision: whole } : parseEvaluation(whole, principal);
}

/** Defaults are each question's own when it is kept: large ones are written out for none of a thousand. */
const defaultsLengthMax = 4_000;
const isSmall = (defaults: object): boolean => JSON.stringify(defaults).length <= defaultsLengthMax;

/** Evaluated side by side, so that what they lack is loaded in few batches; not all, so that the first are answered before the budget ends. */
const sideBySide = 100;

async function decideEach(context: EvaluationContext, questions: readonly ParsedEvaluation[]): Promise<Decision[]> {
  const decided: Decision[] = [];
  for (let from = 0; from < questions.length; from += sideBySide) {
    const some = questions.slice(from, from + sideBySide);
    decided.push(...(await Promise.all(some.map((question) => decideInTurn(context, question)))));
  }
  return decided;
}

async function decideInTurn(context: EvaluationContext, question: ParsedEvaluation): Promise<Decision> {
  if (isSliceSpent()) await nextSlice();
  return decideOn(context, question);
}

/** 7.1.2.1: all, or in order up to and including the first that settles it; the rest is not evaluated and not answered. */
async function decideAll(context: EvaluationContext, questions: readonly ParsedEvaluation[], semantic: Semantic): Promise<Decision[]> {
  if (semantic === "execute_all") return decideEach(context, questions);
  const settling = semantic === "permit_on_first_permit";
  const decided: Decision[] = [];
  for (const question of questions) {
    const decision = await decideInTurn(context, question);
    decided.push(decision);
    if (decision.decision === settling) break;
  }
  return decided;
}
