import type { Condition } from "../condition/condition.ts";
import type { RoleRule } from "./model.ts";

export interface ConditionalRule {
  readonly effect: "allow" | "deny";
  readonly condition: Condition | undefined;
}

/** A rule as stored in a projection: a value alone is an unconditional permission. */
export type StoredRule = string | RoleRule;

/**
 * The rules of a role as stored. They do not depend on the permission tree, so a change of the tree changes no
 * role. A rule holds for everything below its permission; the caller passes the ancestors of the action.
 */
export interface RoleRules {
  /** The rules about an action; `lineage` is the action and everything above it, nearest first. */
  about(lineage: readonly string[]): readonly ConditionalRule[];
  /** The conditional and denying rules, by their permission. */
  readonly conditional: ReadonlyMap<string, readonly ConditionalRule[]>;
}

/** The facts about a role. */
export interface RoleFacts {
  readonly id: string;
  readonly name: string;
  readonly rules: RoleRules;
  /** A role that comes with the product: its rules cannot be changed, and an explanation proposes it last. */
  readonly isSystem?: boolean;
}

const certain: ConditionalRule = { effect: "allow", condition: undefined };
const onlyCertain: readonly ConditionalRule[] = [certain];
const noRules: readonly ConditionalRule[] = [];
const none: ReadonlyMap<string, readonly ConditionalRule[]> = new Map();

/** Whether the rules grant the action unconditionally, regardless of denying rules. */
export const givesAlways = (rules: RoleRules, lineage: readonly string[]): boolean => rules.about(lineage).includes(certain);

/** Prepares the rules of a role for decisions. Share the result between all roles that have the same ones. */
export function compileRules(stored: readonly StoredRule[]): RoleRules {
  const given = new Set<string>();
  const conditional = new Map<string, PlacedRule[]>();
  for (const [place, rule] of stored.entries()) {
    if (typeof rule === "string") given.add(rule);
    else if (rule.effect === "allow" && !rule.condition) given.add(rule.permission);
    else {
      const list = conditional.get(rule.permission) ?? [];
      list.push({ place, effect: rule.effect, condition: rule.condition ?? undefined });
      conditional.set(rule.permission, list);
    }
  }
  return new GivenRules(given, conditional.size === 0 ? (none as typeof conditional) : conditional);
}

/** The rules of a role that grants exactly the actions for which `gives` is true, regardless of their ancestors. */
export const rulesWhere = (gives: (action: string) => boolean): RoleRules => ({
  conditional: none,
  about: ([action]) => (action !== undefined && gives(action) ? onlyCertain : noRules),
});

/** The rules, with this one action granted unconditionally. */
export const rulesWith = (rules: RoleRules, permission: string): RoleRules => ({
  conditional: rules.conditional,
  about(lineage) {
    const found = rules.about(lineage);
    return lineage[0] !== permission || found.includes(certain) ? found : [certain, ...found];
  },
});

interface PlacedRule extends ConditionalRule {
  /** Its index among the role's rules, which determines the order in explanations. */
  readonly place: number;
}

class GivenRules implements RoleRules {
  readonly #given: ReadonlySet<string>;
  readonly conditional: ReadonlyMap<string, readonly PlacedRule[]>;

  constructor(given: ReadonlySet<string>, conditional: ReadonlyMap<string, readonly PlacedRule[]>) {
    this.#given = given;
    this.conditional = conditional;
  }

  about(lineage: readonly string[]): readonly ConditionalRule[] {
    const isGiven = this.#given.size > 0 && lineage.some((value) => this.#given.has(value));
    if (this.conditional.size === 0) return isGiven ? onlyCertain : noRules;
    const found: PlacedRule[] = [];
    for (const value of lineage) {
      // A conditional rule for an unconditional permission has no effect.
      for (const rule of this.conditional.get(value) ?? []) if (rule.effect === "deny" || !isGiven) found.push(rule);
    }
    if (found.length > 1) found.sort((a, b) => a.place - b.place);
    return isGiven ? [certain, ...found] : found;
  }
}
