import type { Condition } from "../condition/condition.ts";
import type { EffectiveRule } from "./tree.ts";

export interface ConditionalRule {
  readonly effect: "allow" | "deny";
  readonly condition: Condition | undefined;
}

/** What a role gives without a condition, and its other rules by permission. */
export interface RoleRules {
  readonly given: ReadonlySet<string>;
  readonly others: ReadonlyMap<string, readonly ConditionalRule[]>;
}

/** What is known of a role. */
export interface RoleFacts {
  readonly id: string;
  readonly name: string;
  readonly rules: RoleRules;
}

const none: ReadonlyMap<string, readonly ConditionalRule[]> = new Map();

/** Prepares a role's effective rules for decisions. Share the result between all who hold the role. */
export function compileRules(effective: readonly EffectiveRule[]): RoleRules {
  const given = new Set<string>();
  let others: Map<string, ConditionalRule[]> | undefined;
  for (const rule of effective) {
    if (typeof rule === "string") given.add(rule);
    else {
      others ??= new Map();
      const list = others.get(rule.permission) ?? [];
      list.push({ effect: rule.effect, condition: rule.condition ?? undefined });
      others.set(rule.permission, list);
    }
  }
  return { given, others: others ?? none };
}
