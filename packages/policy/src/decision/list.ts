import { PolicyError } from "../faults.ts";
import type { RelationExpression } from "../model/model.ts";
import { candidates } from "../relation/reach.ts";
import { decide, unknownType, walkInput } from "./decide.ts";
import { type Decision, type Pending, pendingDecision } from "./decision.ts";
import { environmentOf, noRelationships, type Occasion } from "./occasion.ts";
import type { View } from "./view.ts";

/**
 * The resources of a type that relationships let the subject act on, sorted; empty where the model has no rule about them.
 * What roles give beyond them is a matter of attributes, and `filter` says it.
 */
export function resourcesByRelation(view: View, action: string, type: string, occasion: Occasion = {}): readonly string[] | Pending {
  const plan = view.plan(action);
  if (!view.policy.knowsType(type)) throw unknownType();
  const expression = plan.rules?.get(type)?.allow as RelationExpression | undefined;
  if (view.refusal !== undefined || expression === undefined) return [];
  const found = candidates(walkInput(view, occasion.relationships ?? noRelationships, environmentOf(view, occasion)), expression, type);
  if (found === undefined) return pendingDecision;
  return [...found].sort();
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
