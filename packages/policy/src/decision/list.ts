import { evaluationLimits, toEnd } from "../budget.ts";
import { PolicyError } from "../issues.ts";
import type { RelationExpression } from "../model/model.ts";
import { candidates, reachMax } from "../relation/reach.ts";
import { decide, unknownType, walkInput } from "./decide.ts";
import { type Decision, type Pending, pendingDecision } from "./decision.ts";
import { environmentOf, noRelationships, type RequestContext } from "./request-context.ts";
import type { View } from "./view.ts";

/** The start of a page and its maximum length. */
export interface ReachPage {
  /** The last id of the previous page. */
  readonly after?: string | undefined;
  readonly limit?: number;
}

/**
 * A page of the resources of a type on which relationships might allow the subject to act, sorted, up to its limit (10,000
 * by default); empty if the model has no rule about them. Resources that roles allow depend on attributes: see
 * `filter`. Throws `evaluation_limit` if too many relationships lead from the subject.
 */
export const resourcesByRelation = (
  view: View,
  action: string,
  type: string,
  context: RequestContext = {},
  page: ReachPage = {},
): readonly string[] | Pending => toEnd(resourcesByRelationInSteps(view, action, type, context, page));

/** Like {@link listResources}, with a pause after each visited subject. */
export function* resourcesByRelationInSteps(
  view: View,
  action: string,
  type: string,
  context: RequestContext = {},
  { after, limit = reachMax }: ReachPage = {},
): Generator<void, readonly string[] | Pending> {
  const plan = view.plan(action);
  if (!view.policy.knowsType(type)) throw unknownType();
  const expression = plan.rules?.get(type)?.allow as RelationExpression | undefined;
  if (view.refusal !== undefined || expression === undefined) return [];
  const environment = environmentOf(view, context, evaluationLimits.listSteps);
  const found = yield* candidates(walkInput(view, context.relationships ?? noRelationships, environment), expression, type);
  if (found === undefined) return pendingDecision;
  const left = after === undefined ? [...found] : [...found].filter((id) => id > after);
  return left.sort().slice(0, limit);
}

/** The `ids` that the subject may act on, without those that cannot be decided without more attributes. */
export const allowedAmong = (
  view: View,
  action: string,
  type: string,
  ids: readonly string[],
  context: RequestContext = {},
): readonly string[] | Pending => toEnd(allowedAmongInSteps(view, action, type, ids, context));

/** The same with a pause after each resource. */
export function allowedAmongInSteps(
  view: View,
  action: string,
  type: string,
  ids: readonly string[],
  context: RequestContext = {},
): Generator<void, readonly string[] | Pending> {
  return among(ids, (id) => decide(view, action, { ...context, resource: { type, id } }));
}

/** The actions that the subject may perform on a resource, sorted, without those that cannot be decided without more input. */
export const listActions = (view: View, context: OnType): readonly string[] | Pending => toEnd(listActionsInSteps(view, context));

type OnType = RequestContext & { readonly resource: { readonly type: string } };

/** The same with a pause after each action. */
export function listActionsInSteps(view: View, context: OnType): Generator<void, readonly string[] | Pending> {
  if (!view.policy.knowsType(context.resource.type)) throw unknownType();
  return among(view.policy.actionsOn(context.resource.type), (action) => decide(view, action, context));
}

function* among(items: readonly string[], decideOn: (item: string) => Decision | Pending): Generator<void, readonly string[] | Pending> {
  const allowed: string[] = [];
  let complete = true;
  for (const item of items) {
    const decision = orUndecided(() => decideOn(item));
    if (decision === pendingDecision) complete = false;
    else if (decision?.allowed) allowed.push(item);
    yield;
  }
  return complete ? allowed : pendingDecision;
}

function orUndecided(decideOn: () => Decision | Pending): Decision | Pending | undefined {
  try {
    return decideOn();
  } catch (error) {
    if (error instanceof PolicyError && error.code === "invalid_input") return undefined;
    throw error;
  }
}
