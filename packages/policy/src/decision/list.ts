import { PolicyError } from "../faults.ts";
import type { RelationExpression } from "../model/model.ts";
import { candidates, reachMax } from "../relation/reach.ts";
import { decide, unknownType, walkInput } from "./decide.ts";
import { type Decision, type Pending, pendingDecision } from "./decision.ts";
import { environmentOf, noRelationships, type Occasion } from "./occasion.ts";
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
export function resourcesByRelation(
  view: View,
  action: string,
  type: string,
  occasion: Occasion = {},
  { after, limit = reachMax }: ReachPage = {},
): readonly string[] | Pending {
  const plan = view.plan(action);
  if (!view.policy.knowsType(type)) throw unknownType();
  const expression = plan.rules?.get(type)?.allow as RelationExpression | undefined;
  if (view.refusal !== undefined || expression === undefined) return [];
  const found = candidates(walkInput(view, occasion.relationships ?? noRelationships, environmentOf(view, occasion)), expression, type);
  if (found === undefined) return pendingDecision;
  const left = after === undefined ? [...found] : [...found].filter((id) => id > after);
  return left.sort().slice(0, limit);
}

/** Which of `ids` the subject may act on. One that cannot be decided without more of its attributes is not among them. */
export function allowedAmong(
  view: View,
  action: string,
  type: string,
  ids: readonly string[],
  occasion: Occasion = {},
): readonly string[] | Pending {
  return among(ids, (id) => decide(view, action, { ...occasion, resource: { type, id } }));
}

/** What the subject may do to a resource, sorted. An action that cannot be decided without more input is not among them. */
export function listActions(
  view: View,
  occasion: Occasion & { readonly resource: { readonly type: string } },
): readonly string[] | Pending {
  if (!view.policy.knowsType(occasion.resource.type)) throw unknownType();
  return among(view.policy.actionsOn(occasion.resource.type), (action) => decide(view, action, occasion));
}

function among(items: readonly string[], decideOn: (item: string) => Decision | Pending): readonly string[] | Pending {
  const allowed: string[] = [];
  let complete = true;
  for (const item of items) {
    const decision = orUndecided(() => decideOn(item));
    if (decision === pendingDecision) complete = false;
    else if (decision?.allowed) allowed.push(item);
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
