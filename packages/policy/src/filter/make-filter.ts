import { evaluationLimits, toEnd, tooManySteps } from "../budget.ts";
import type { Condition, Environment } from "../condition/condition.ts";
import { placeholderOf } from "../condition/operands.ts";
import { isStrongEnough, unknownType, walkInput, withinScopes } from "../decision/decide.ts";
import { type Pending, pendingDecision } from "../decision/decision.ts";
import { issueOfLimit, meets, nameOf } from "../decision/entitlements.ts";
import { environmentOf, noRelationships, type RequestContext } from "../decision/request-context.ts";
import type { View } from "../decision/view.ts";
import { PolicyError } from "../issues.ts";
import type { EntitlementRule, RelationExpression } from "../model/model.ts";
import type { ActionPlan, PlannedRule } from "../model/plans.ts";
import type { Algebra } from "../relation/algebra.ts";
import { candidates, reachMax, tooManyInReach } from "../relation/reach.ts";
import { Walk } from "../relation/walk.ts";
import { invalid, yes } from "../truth.ts";
import type { Filter } from "./filter.ts";
import {
  allOfResiduals,
  always,
  anyOfResiduals,
  issuesOfResidual,
  never,
  notOfResidual,
  type Residual,
  residualOf,
  settled,
} from "./residual.ts";

/**
 * The filter of resources of a type on which the subject may perform `action`: the same decision with an open resource. It selects
 * exactly those that a check with their attributes would allow. Throws what `decide` throws; `invalid_input` where a placeholder
 * other than the resource's is missing and the answer depends on it; `evaluation_limit` where it would name more than 10,000
 * resources by their ids.
 */
export const filter = (view: View, action: string, type: string, context: RequestContext = {}): Filter | Pending =>
  toEnd(filterInSteps(view, action, type, context));

/** The same with a pause after each visited resource. */
export const filterInSteps = (view: View, action: string, type: string, context: RequestContext = {}): Generator<void, Filter | Pending> =>
  makeInSteps(view, action, type, context, undefined);

/** The certain result of a filter. */
export interface CertainFilter {
  readonly filter: Filter;
  /** Resources that might be allowed in addition to those that the filter selects, as sorted ids. */
  readonly open: readonly string[];
}

/**
 * `filter` where the relationships of single resources may lack what their conditions need: it chooses the resources that are certain.
 * `open` has the others that might be allowed, by their ids; a check of each says what is missing. What is missing of a role's condition
 * or of the plan is about every resource, and throws as in `filter`.
 */
export const filterOfCertain = (view: View, action: string, type: string, context: RequestContext = {}): CertainFilter | Pending =>
  toEnd(filterOfCertainInSteps(view, action, type, context));

/** The same with a pause after each visited resource. */
export function* filterOfCertainInSteps(
  view: View,
  action: string,
  type: string,
  context: RequestContext = {},
): Generator<void, CertainFilter | Pending> {
  const open = new Set<string>();
  const found = yield* makeInSteps(view, action, type, context, open);
  return found === pendingDecision ? pendingDecision : { filter: found, open: [...open].sort() };
}

/** `unsettled` collects the resources whose relationships are undecided; without it they are issues. */
function* makeInSteps(
  view: View,
  action: string,
  type: string,
  context: RequestContext,
  unsettled: Set<string> | undefined,
): Generator<void, Filter | Pending> {
  const plan = view.plan(action);
  if (!view.policy.knowsType(type)) throw unknownType();
  if (view.refusal !== undefined || !withinScopes(plan, context)) return never;
  if (plan.requirement && !plan.requirement.sessions.every((rule) => isStrongEnough(rule, context))) return never;
  const open: RequestContext = { ...context, resource: { type } };
  const environment = environmentOf(view, open, evaluationLimits.listSteps);
  function* part(effect: "allow" | "deny", rules: readonly PlannedRule[]): Generator<void, Residual> {
    const ofRoles = anyOfResiduals(rules.map((rule) => ofRule(rule, environment)));
    // If a role decides, no relationship is searched.
    if (ofRoles.kind === "always") return ofRoles;
    return anyOfResiduals([ofRoles, yield* ofRelations(view, plan, effect, type, open, environment, unsettled)]);
  }
  const residual = allOfResiduals([
    notOfResidual(yield* part("deny", plan.denying)),
    yield* part("allow", plan.allowing),
    ofEntitlements(view, plan.requirement?.entitlements ?? [], environment),
  ]);
  if (residual.kind === "pending") return pendingDecision;
  const issues = issuesOfResidual(residual);
  if (issues.length > 0)
    throw new PolicyError("invalid_input", [...new Map(issues.map((issue) => [`${issue.field} ${issue.rule}`, issue])).values()]);
  return residual as Filter;
}

const ofRule = ({ condition }: PlannedRule, environment: Environment): Residual =>
  condition ? residualOf(condition, environment) : always;

function* ofRelations(
  view: View,
  plan: ActionPlan,
  effect: "allow" | "deny",
  type: string,
  context: RequestContext,
  environment: Environment,
  unsettled: Set<string> | undefined,
): Generator<void, Residual> {
  const expression = plan.rules?.get(type)?.[effect] as RelationExpression | undefined;
  if (expression === undefined) return never;
  const input = walkInput(view, context.relationships ?? noRelationships, environment);
  const ids = yield* candidates(input, expression, type);
  if (ids === undefined) return { kind: "pending" };
  if (ids.size > reachMax) throw tooManyInReach();
  const certain: string[] = [];
  const conditional: Residual[] = [];
  for (const id of ids) {
    yield;
    const of = about(environment, { type, id });
    const walked = new Walk({ ...input, moment: of }, residuals(of)).expression(expression, { type, id });
    const outcome =
      unsettled !== undefined && issuesOfResidual(walked).length > 0 ? settled(walked, effect === "allow" ? never : always) : walked;
    if (outcome !== walked) unsettled?.add(id);
    if (outcome.kind === "always") certain.push(id);
    else if (outcome.kind === "pending") conditional.push(outcome);
    else if (outcome.kind !== "never") conditional.push(allOfResiduals([isOneOf([id]), outcome]));
  }
  return anyOfResiduals(certain.length > 0 ? [isOneOf(certain.sort()), ...conditional] : conditional);
}

/** The environment with a resource of which only the id is known. The walk from it has a decision's budget. */
function about(environment: Environment, resource: Environment["resource"]): Environment {
  const { user, tenant, session, request, now } = environment;
  let left: number = evaluationLimits.decisionSteps;
  const spend = (steps: number): void => {
    left -= steps;
    if (left < 0) throw tooManySteps("decision");
    environment.spend?.(steps);
  };
  return { user, tenant, session, request, resource, now, spend };
}

const isOneOf = (ids: readonly string[]): Filter =>
  ids.length === 1
    ? { kind: "compare", operator: "equals", left: { attribute: "id" }, right: { value: ids[0] as string } }
    : { kind: "compare", operator: "in", left: { attribute: "id" }, right: { value: ids } };

/** The algebra of filters: conditions on the resource stay open. */
const residuals = (environment: Environment): Algebra<Residual> => ({
  yes: always,
  no: never,
  pending: { kind: "pending" },
  any: anyOfResiduals,
  all: allOfResiduals,
  not: notOfResidual,
  isYes: ({ kind }) => kind === "always",
  isNo: ({ kind }) => kind === "never",
  isPending: ({ kind }) => kind === "pending",
  condition: ({ condition }) => residualOf(condition as Condition, environment),
});

function ofEntitlements(view: View, rules: readonly EntitlementRule[], environment: Environment): Residual {
  const { entitlements } = view.facts.tenant;
  if (rules.length === 0) return always;
  if (entitlements === undefined) return never;
  return allOfResiduals(
    rules.map((rule): Residual => {
      const current = "limit" in rule ? placeholderOf(rule.current) : undefined;
      const limit = entitlements[nameOf(rule)];
      if (current && "root" in current && current.root === "resource" && typeof limit === "number") {
        return { kind: "compare", operator: "less_than", left: { attribute: current.path.join(".") }, right: { value: limit } };
      }
      const truth = meets(rule, entitlements, () => environment);
      if (truth === invalid) return { kind: "invalid", issues: issueOfLimit(rule, environment) };
      return truth === yes ? always : never;
    }),
  );
}
