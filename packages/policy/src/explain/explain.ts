import { Budget, evaluationLimits, toEnd } from "../budget.ts";
import { traceCondition } from "../condition/compile.ts";
import type { Environment } from "../condition/condition.ts";
import { decide, isStrongEnough, walkInput, withinScopes } from "../decision/decide.ts";
import { type Pending, partOf, pendingDecision } from "../decision/decision.ts";
import { meets, nameOf } from "../decision/entitlements.ts";
import { environmentOf, noRelationships, type RequestContext } from "../decision/request-context.ts";
import type { View } from "../decision/view.ts";
import { PolicyError } from "../issues.ts";
import type { RelationExpression } from "../model/model.ts";
import type { ActionPlan, PlannedRule } from "../model/plans.ts";
import type { RoleFacts } from "../model/role.ts";
import type { RelationshipReader } from "../relation/relationship.ts";
import { Walk } from "../relation/walk.ts";
import { changesThatAllow } from "./changes.ts";
import type { Explanation, Outcome, Step } from "./explanation.ts";
import { type RelationTrace, traces } from "./trace.ts";

/**
 * Explains a decision: every evaluated step with its facts and, for a denial, what would allow it.
 * `otherRoles` are roles of the tenant that could be assigned. Throws what `decide` throws.
 */
export const explain = (
  view: View,
  action: string,
  context: RequestContext = {},
  otherRoles: readonly RoleFacts[] = [],
): Explanation | Pending => toEnd(explainInSteps(view, action, context, otherRoles));

/** The same with pauses between the decision, its trace, and the tried changes. */
export function* explainInSteps(
  view: View,
  action: string,
  context: RequestContext = {},
  otherRoles: readonly RoleFacts[] = [],
): Generator<void, Explanation | Pending> {
  // The same time for all evaluations.
  const fixed: RequestContext = { ...context, now: context.now ?? Date.now() };
  const decision = decide(view, action, fixed);
  if (decision === pendingDecision) return pendingDecision;
  yield;
  const steps = stepsOf(view, action, fixed);
  if (steps.some((step) => step.part === "grant" && step.trace.outcome === "pending")) return pendingDecision;
  // Trying changes without all relationships would give different results on a repeated call.
  const observed = watch(fixed.relationships);
  yield;
  // Each change is verified by a decision. Changes are left out once no steps are left.
  const trying: RequestContext = {
    ...fixed,
    relationships: observed.reader,
    budget: new Budget(evaluationLimits.decisionSteps, fixed.budget),
  };
  const changes = decision.allowed ? [] : changesThatAllow(view, action, trying, steps, otherRoles, () => !observed.missed());
  return observed.missed() ? pendingDecision : { decision, part: partOf[decision.reason], steps, changes };
}

/** A reader that records whether relationships were pending. */
function watch(reader: RelationshipReader = noRelationships): { readonly reader: RelationshipReader; missed(): boolean } {
  let missed = false;
  const seen = <Found>(found: Found): Found => {
    missed ||= found === undefined;
    return found;
  };
  return {
    reader: {
      direct: (...lookup) => seen(reader.direct(...lookup)),
      indirect: (...lookup) => seen(reader.indirect(...lookup)),
      reverse: (...lookup) => seen(reader.reverse(...lookup)),
    },
    missed: () => missed,
  };
}

const outcomes: Readonly<Record<RelationTrace["outcome"], Outcome>> = {
  true: "passed",
  false: "failed",
  invalid: "invalid",
  pending: "invalid",
  cut_short: "cut_short",
};
const passed = (value: boolean): Outcome => (value ? "passed" : "failed");
const named = ({ id, name }: RoleFacts) => ({ id, name });

function stepsOf(view: View, action: string, context: RequestContext): Step[] {
  const { user, tenant, roles = [] } = view.facts;
  const plan = view.plan(action);
  const environment = environmentOf(view, context);
  const known = roles.filter((role) => role !== undefined);
  const steps: Step[] = [
    { part: "membership", outcome: passed(roles.length > 0), roles: known.map(named) },
    {
      part: "status",
      outcome: passed(user.status === "Active" && tenant.status === "Active"),
      user: user.status ?? null,
      tenant: tenant.status ?? null,
    },
  ];
  for (const scopes of [context.scopes, context.callerScopes]) {
    if (scopes) steps.push({ part: "key_scope", outcome: passed(withinScopes(plan, { scopes })), scopes: [...scopes] });
  }
  for (const rule of plan.requirement?.sessions ?? []) {
    steps.push({ part: "session_strength", outcome: passed(isStrongEnough(rule, context)), rule });
  }
  return [
    ...steps,
    ...ruleSteps(view, plan, environment),
    ...grantSteps(view, plan, context, environment),
    ...entitlementSteps(view, plan, environment),
  ];
}

function ruleSteps({ roles }: View, plan: ActionPlan, environment: Environment): Step[] {
  const step =
    (effect: "allow" | "deny") =>
    ({ place, condition }: PlannedRule): Step => {
      const role = roles[place] as RoleFacts;
      if (condition === undefined) return { part: "role", outcome: "passed", effect, role: named(role) };
      const trace = traceCondition(condition, environment);
      return { part: "role", outcome: outcomes[trace.outcome] as Outcome, effect, role: named(role), condition: trace };
    };
  return [...plan.denying.map(step("deny")), ...plan.allowing.map(step("allow"))];
}

function grantSteps(
  view: View,
  plan: ActionPlan,
  { resource, relationships = noRelationships }: RequestContext,
  environment: Environment,
): Step[] {
  const type = resource?.type ?? plan.soleType;
  const rule = type === undefined ? undefined : plan.rules?.get(type);
  if (rule === undefined || type === undefined || resource?.id === undefined || view.refusal) return [];
  const ref = { type, id: resource.id };
  return (["deny", "allow"] as const).flatMap((effect): Step[] => {
    const expression = rule[effect] as RelationExpression | undefined;
    if (expression === undefined) return [];
    const trace = traced(() => new Walk(walkInput(view, relationships, environment), traces(environment)).expression(expression, ref));
    return [{ part: "grant", outcome: outcomes[trace.outcome] as Outcome, effect, resource: ref, trace }];
  });
}

/** An explanation visits paths that the decision did not need. If there are too many, it says so; the decision is unchanged. */
function traced(walk: () => RelationTrace): RelationTrace {
  try {
    return walk();
  } catch (error) {
    if (error instanceof PolicyError && error.code === "evaluation_limit") return { outcome: "cut_short" };
    throw error;
  }
}

function entitlementSteps(view: View, plan: ActionPlan, environment: Environment): Step[] {
  const { entitlements } = view.facts.tenant;
  return (plan.requirement?.entitlements ?? []).map((rule): Step => {
    const value = entitlements && Object.hasOwn(entitlements, nameOf(rule)) ? entitlements[nameOf(rule)] : null;
    const truth = entitlements ? meets(rule, entitlements, () => environment) : 0;
    return { part: "entitlement", outcome: truth === 1 ? "passed" : truth === 0 ? "failed" : "invalid", rule, value };
  });
}
