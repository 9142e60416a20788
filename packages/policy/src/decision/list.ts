import { evaluationLimits, toEnd } from "../budget.ts";
import { PolicyError } from "../issues.ts";
import type { RelationExpression } from "../model/model.ts";
import { candidates, reachMax } from "../relation/reach.ts";
import { decide, unknownType, walkInput } from "./decide.ts";
import { type Decision, type Pending, pendingDecision } from "./decision.ts";
import { environmentOf, noRelationships, type RequestContext } from "./request-context.ts";
import type { View } from "./view.ts";

/** Where a page begins, and how long it is at most. */
export interface ReachPage {
  /** The last id of the page before. */
  readonly after?: string | undefined;
  readonly limit?: number;
}

/**
 * The resources of a type that relationships might let the subject act on, sorted: a page of them, which ends at its limit (10,000
 * unless another is given); empty where the model has no rule about them. What roles give beyond them is a matter of attributes, and
 * `filter` says it. Throws `evaluation_limit` where more than a page can be looked for leads from the subject.
 */
export const resourcesByRelation = (
  view: View,
  action: string,
  type: string,
  context: RequestContext = {},
  page: ReachPage = {},
): readonly string[] | Pending => toEnd(resourcesByRelationInSteps(view, action, type, context, page));

/** The same, with a pause after each subject that was looked at. */
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

/** Which of `ids` the subject may act on. One that cannot be decided without more of its attributes is not among them. */
export const allowedAmong = (
  view: View,
  action: string,
  type: string,
  ids: readonly string[],
  context: RequestContext = {},
): readonly string[] | Pending => toEnd(allowedAmongInSteps(view, action, type, ids, context));

/** The same, with a pause after each resource. */
export function allowedAmongInSteps(
  view: View,
  action: string,
  type: string,
  ids: readonly string[],
  context: RequestContext = {},
): Generator<void, readonly string[] | Pending> {
  return among(ids, (id) => decide(view, action, { ...context, resource: { type, id } }));
}

/** What the subject may do to a resource, sorted. An action that cannot be decided without more input is not among them. */
export const listActions = (view: View, context: OnType): readonly string[] | Pending => toEnd(listActionsInSteps(view, context));

type OnType = RequestContext & { readonly resource: { readonly type: string } };

/** The same, with a pause after each action. */
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
