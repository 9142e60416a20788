import { lacking, mayAsk, queryContext } from "#modules/authorization/decisions/index.ts";
import { identified } from "#operation/authorization.ts";
import { PermissionDenied, TooManyRequests } from "#operation/errors.ts";
import { isUser, type Principal } from "#operation/principal.ts";
import { nullable, oneOf, type Static, Type } from "#operation/schema.ts";
import { refuseUnstorable } from "#operation/storable.ts";
import { isSliceOver, nextSlice } from "#platform/time-slice.ts";
import { type Asking, Decision, decideOn, type Posed, posed } from "./decision.ts";
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
export const evaluateMany = authzen.memoryQuery("evaluateMany", {
  releasedAs: "access.evaluateMany",
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
    const questions: Posed[] = [];
    for (const item of items.length === 0 ? [{}] : items) {
      questions.push(questionOf(item, defaults, principal));
      if (isSliceOver()) await nextSlice();
    }
    // Of all, also those that a short circuit would leave out: whether somebody may ask does not depend on the answers.
    const others = questions.flatMap((one) => ("check" in one && !isUser(principal, one.check.userId) ? [one.check.tenantId] : []));
    for (const tenantId of new Set(others)) {
      if (!(await mayAsk({ principal, holds }, undefined, tenantId))) fail(PermissionDenied, lacking);
    }
    const asking = { ...shared, services, keeps: isSmall(defaults) };
    if (items.length === 0) return decideOn(asking, questions[0] as Posed);
    return { evaluations: await decideAll(asking, questions, options?.evaluations_semantic ?? "execute_all") };
  },
});

function questionOf(item: unknown, defaults: Defaults, principal: Principal): Posed {
  const whole = completed(item, defaults);
  return "decision" in whole ? { decision: whole } : posed(whole as never, principal);
}

/** Defaults are each question's own when it is kept: large ones are written out for none of a thousand. */
const defaultsLengthMax = 4_000;
const isSmall = (defaults: object): boolean => JSON.stringify(defaults).length <= defaultsLengthMax;

/** Asked side by side, so that what they lack is loaded in few batches; not all, so that the first are answered before the budget ends. */
const sideBySide = 100;

async function decideEach(asking: Asking, questions: readonly Posed[]): Promise<Decision[]> {
  const decided: Decision[] = [];
  for (let from = 0; from < questions.length; from += sideBySide) {
    const some = questions.slice(from, from + sideBySide);
    decided.push(...(await Promise.all(some.map((question) => decideInTurn(asking, question)))));
  }
  return decided;
}

async function decideInTurn(asking: Asking, question: Posed): Promise<Decision> {
  if (isSliceOver()) await nextSlice();
  return decideOn(asking, question);
}

/** 7.1.2.1: all, or in order up to and including the first that settles it; the rest is not evaluated and not answered. */
async function decideAll(asking: Asking, questions: readonly Posed[], semantic: Semantic): Promise<Decision[]> {
  if (semantic === "execute_all") return decideEach(asking, questions);
  const settling = semantic === "permit_on_first_permit";
  const decided: Decision[] = [];
  for (const question of questions) {
    const decision = await decideInTurn(asking, question);
    decided.push(decision);
    if (decision.decision === settling) break;
  }
  return decided;
}
