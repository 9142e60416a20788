import type { RelationExpression } from "../model/model.ts";
import type { Policy } from "../model/policy.ts";

/** The permissions that being in a relation can grant, and those that it can deny. */
export interface RelationEffects {
  readonly gives: readonly string[];
  readonly takes: readonly string[];
}

/**
 * The effects of a relation of a type over every expression that depends on it. For the delegation check: a caller may not grant what they do not
 * have, nor remove what denies them.
 */
export function relationEffects(policy: Policy, type: string, relation: string): RelationEffects {
  const gives = new Set<string>();
  const takes = new Set<string>();
  const goal = `${type}#${relation}`;
  for (const [name, { permissions = {} }] of Object.entries(policy.model.resourceTypes ?? {})) {
    for (const [permission, { allow, deny }] of Object.entries(permissions)) {
      if (allow !== undefined) collect(policy, allow, name, goal, true, gives, takes, permission, new Set());
      if (deny !== undefined) collect(policy, deny, name, goal, false, gives, takes, permission, new Set());
    }
  }
  return { gives: [...gives].sort(), takes: [...takes].sort() };
}

function collect(
  policy: Policy,
  expression: RelationExpression,
  type: string,
  goal: string,
  positive: boolean,
  gives: Set<string>,
  takes: Set<string>,
  permission: string,
  seen: Set<string>,
): void {
  const again = (part: RelationExpression, at: string, sign: boolean) =>
    collect(policy, part, at, goal, sign, gives, takes, permission, seen);
  if (typeof expression !== "string") {
    if ("through" in expression) {
      again(expression.through, type, positive);
      for (const target of policy.type(type)?.relations?.[expression.through]?.subjects ?? []) {
        if (policy.type(target)?.relations?.[expression.relation]) again(expression.relation, target, positive);
      }
    } else if ("base" in expression) {
      again(expression.base, type, positive);
      again(expression.except, type, !positive);
    } else for (const part of "any" in expression ? expression.any : expression.all) again(part, type, positive);
    return;
  }
  const key = `${type}#${expression}`;
  const declared = policy.type(type)?.relations?.[expression];
  if (declared === undefined || seen.has(`${key} ${positive}`)) return;
  seen.add(`${key} ${positive}`);
  if (key === goal) (positive ? gives : takes).add(permission);
  if (declared.from !== undefined) again(declared.from, type, positive);
  for (const subject of declared.subjects ?? []) {
    const [setType, setRelation] = subject.split("#") as [string, string | undefined];
    if (setRelation !== undefined) again(setRelation, setType, positive);
  }
}
