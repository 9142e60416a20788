import { type Explanation, explainInSteps, type Step, View } from "@gatehouse/policy";
import { EvaluationLimit, MemberNotFound, UnknownPermission, UnknownResourceType, userKey } from "#modules/authorization/access/index.ts";
import { TooManyRequests } from "#operation/declaration/errors.ts";
import { isSelf } from "#operation/declaration/principal.ts";
import { nullable, oneOf, Type } from "#operation/declaration/schema.ts";
import { inSlices } from "#platform/time-slice.ts";
import { CheckRequest, ReasonCode, sentenceOf } from "../check.ts";
import { aboutUser, evaluate, queryContext, tenantOfQuery } from "../evaluate.ts";
import { type ExplainedChange, explainedChanges } from "../explained-changes.ts";
import { withoutAttributes } from "../hidden-attributes.ts";
import { decisions } from "../module.ts";
import type { CachedEntry } from "../projection/entry-map.ts";

const open = { additionalProperties: true } as const;
const StepAnswer = Type.Unsafe<Step>(Type.Object({ part: Type.String(), outcome: oneOf("passed", "failed", "invalid") }, open));
const ChangeAnswer = Type.Unsafe<ExplainedChange>(
  Type.Object(
    {
      kind: Type.String(),
      by: Type.Object({
        scope: nullable(oneOf("Organization", "Internal")),
        permission: nullable(Type.String()),
        who: nullable(Type.String()),
        roles: Type.Array(Type.String()),
      }),
    },
    open,
  ),
);

/** Explains the decision of a check, with the facts used and their revisions, and for a denial the changes that would allow it. */
export const explain = decisions.inMemoryQuery("explain", {
  http: "POST /api/v1/iam/authorization/explain",
  summary: "Explain a decision and what would change it.",
  allow: aboutUser,
  absent: MemberNotFound,
  input: CheckRequest,
  output: Type.Object({
    isAuthorized: Type.Boolean(),
    reason: Type.String(),
    reasonCode: ReasonCode,
    part: Type.String(),
    steps: Type.Array(StepAnswer),
    facts: Type.Array(Type.Object({ key: Type.String(), revision: nullable(Type.String()) })),
    changes: Type.Array(Type.Array(ChangeAnswer)),
    revision: Type.String(),
  }),
  errors: [UnknownPermission, UnknownResourceType, EvaluationLimit, MemberNotFound, TooManyRequests],
  tenant: tenantOfQuery,
  async run({ state, services, principal, reading, holds, fail }, request) {
    const tenantId = request.tenantId ?? null;
    const seesAll = await holds(null, "Authorization.Check");
    const roles = await state.roleFacts(await reading((_store, uses) => uses.access.roleIdsOf(tenantId)));
    const answer = await evaluate(queryContext({ state, principal, services }), request, async ({ view, composed, context }) => {
      const isMember = view.facts.roles !== undefined;
      const seen = isMember || seesAll ? view : asNonMember(view);
      const explanation = await inSlices(explainInSteps(seen, request.actionType, context, roles));
      return typeof explanation === "symbol" ? explanation : { explanation, entries: composed.entries, isMember, view };
    });
    if (answer === undefined) return fail(MemberNotFound);
    const { isMember, view } = answer;
    const isAboutSelf = isSelf(principal, request.userId);
    const { explanation: full, entries } =
      isMember || seesAll ? answer : ofNonMember(answer, isAboutSelf ? undefined : userKey(request.userId));
    const readsAttributes = tenantId === null ? seesAll : await holds(tenantId, "Organization.ReadAttributes");
    const explanation = seesAll || readsAttributes ? full : withoutAttributes(full);
    return {
      isAuthorized: explanation.decision.allowed,
      reason: sentenceOf(explanation.decision, request.actionType),
      reasonCode: explanation.decision.reason,
      part: explanation.part,
      steps: [...explanation.steps],
      facts: entries.map(({ key, version }: CachedEntry) => ({ key, revision: version })),
      changes: explainedChanges(explanation, {
        tenantId,
        isMember,
        // The kind of a non-member is not revealed.
        isService: (isMember || seesAll) && view.subject.type === "service",
        policy: view.policy,
        roles,
        subjectRoles: (view.facts.roles ?? []).filter((role) => role !== undefined),
      }),
      revision: services.revision,
    };
  },
});

/** Hides whether a non-member exists, and their status (docs/security/attacks.md, 20). */
const asNonMember = ({ policy, facts }: View): View => new View(policy, { ...facts, user: { ...facts.user, status: "Active" } });

interface Explained {
  readonly explanation: Explanation;
  readonly entries: readonly CachedEntry[];
}

/**
 * Reduces the explanation about a non-member to the missing membership, and for other callers how to grant one. To the non-member the scope
 * looks like one that does not exist.
 */
function ofNonMember({ explanation, entries }: Explained, user: string | undefined): Explained {
  const steps = explanation.steps.filter(({ part }) => part === "membership");
  if (user === undefined) return { explanation: { ...explanation, steps, changes: [] }, entries: [] };
  return { explanation: { ...explanation, steps }, entries: entries.filter(({ key }) => key !== user) };
}
