import { type CompiledCondition, compileCondition } from "../condition/compile.ts";
import type { Condition } from "../condition/condition.ts";
import { type Decision, denied } from "../decision/decision.ts";
import { PolicyError } from "../issues.ts";
import type { EffectiveRequirement, PermissionRule } from "./model.ts";
import type { RoleRules } from "./role.ts";

/** The policy's rules for an action, independent of roles. */
export interface ActionFacts {
  readonly requirement: EffectiveRequirement | undefined;
  /** The rules about the action by resource type. */
  readonly rules: ReadonlyMap<string, PermissionRule> | undefined;
  /** The action and its ancestors. */
  readonly lineage: readonly string[];
  /** The one resource type that has a rule about the action: what a resource without a type is taken for. */
  readonly soleType: string | undefined;
}

/** The part of the policy that plans depend on. */
export interface PolicyOfRoles {
  /** Undefined for an undefined action. */
  action(value: string): ActionFacts | undefined;
}

/** A role's rule about one action. The role is identified by its index, because the same rules may belong to many roles. */
export interface PlannedRule {
  readonly place: number;
  readonly effect: "allow" | "deny";
  readonly condition: Condition | undefined;
  /** The condition as a function; always present with it. */
  readonly holds: CompiledCondition | undefined;
}

/** The precomputed input of a decision about one action, from the policy and the rules of some roles. */
export interface ActionPlan extends ActionFacts {
  /** What decides where neither resource nor request can change it: a rule, or the decision that nothing allows. */
  readonly always: PlannedRule | Decision | undefined;
  /** Only the conditions of roles that allow are left to look at. */
  readonly plain: boolean;
  readonly allowing: readonly PlannedRule[];
  readonly denying: readonly PlannedRule[];
}

/**
 * Plans cached per combination of rules: more than the actions that a product's checks use within some time. An evaluation of every
 * permission of a large tree would otherwise cache them all.
 */
const plansMax = 4_096;

/**
 * The plans of a combination of rules. Each is computed when an action is first used, and shared by all subjects with
 * the same rules, in whatever roles of whatever tenant: a million users cost no more than the combinations of rules among them.
 */
export class Plans {
  readonly #policy: PolicyOfRoles;
  readonly #rules: readonly RoleRules[];
  readonly #plans = new Map<string, ActionPlan>();

  constructor(policy: PolicyOfRoles, rules: readonly RoleRules[]) {
    this.#policy = policy;
    this.#rules = rules;
  }

  areOf(rules: readonly RoleRules[]): boolean {
    return rules.length === this.#rules.length && rules.every((each, index) => each === this.#rules[index]);
  }

  /** The plan of an action. Throws `unknown_permission` for an undefined action. */
  about(action: string): ActionPlan {
    const known = this.#plans.get(action);
    if (known !== undefined) return known;
    const plan = this.#make(action);
    if (this.#plans.size === plansMax) this.#plans.clear();
    this.#plans.set(action, plan);
    return plan;
  }

  /** The same without caching, for an evaluation of many actions that are rarely repeated. */
  once(action: string): ActionPlan {
    return this.#plans.get(action) ?? this.#make(action);
  }

  #make(action: string): ActionPlan {
    const facts = this.#policy.action(action);
    if (facts === undefined) {
      throw new PolicyError("unknown_permission", [{ field: "action", rule: "defined", message: "is not a defined permission" }]);
    }
    const { allowing, denying } = this.#rulesAbout(facts.lineage);
    return { ...facts, ...settledBy(facts, allowing, denying), allowing, denying };
  }

  #rulesAbout(lineage: readonly string[]): { readonly allowing: readonly PlannedRule[]; readonly denying: readonly PlannedRule[] } {
    const certain: PlannedRule[] = [];
    const conditional: PlannedRule[] = [];
    const denying: PlannedRule[] = [];
    for (const [place, rules] of this.#rules.entries()) {
      for (const { effect, condition } of rules.about(lineage)) {
        (effect === "deny" ? denying : condition === undefined ? certain : conditional).push(planned(place, effect, condition));
      }
    }
    // Unconditional rules are evaluated first, because they cost nothing.
    return { allowing: [...certain, ...conditional], denying };
  }
}

const planned = (place: number, effect: "allow" | "deny", condition: Condition | undefined): PlannedRule => ({
  place,
  effect,
  condition,
  holds: condition && lazily(condition),
});

/** Made into a function by the first decision that needs it, which pays for it: one role may have hundreds of conditions. */
function lazily(condition: Condition): CompiledCondition {
  let made: CompiledCondition | undefined;
  return (environment) => {
    made ??= compileCondition(condition, environment);
    return made(environment);
  };
}

/** The decision that is the same for every request, if there is one. */
function settledBy(
  { requirement, rules }: ActionFacts,
  allowing: readonly PlannedRule[],
  denying: readonly PlannedRule[],
): Pick<ActionPlan, "always" | "plain"> {
  const open = { always: undefined, plain: false } as const;
  if (requirement !== undefined) return open;
  const deny = denying.find(({ condition }) => condition === undefined);
  if (deny) return { always: deny, plain: false };
  const mayBeDenied = denying.length > 0 || [...(rules?.values() ?? [])].some((rule) => rule.deny !== undefined);
  const allow = allowing.find(({ condition }) => condition === undefined);
  if (allow) return mayBeDenied ? open : { always: allow, plain: false };
  if (rules !== undefined || denying.length > 0) return open;
  return allowing.length === 0 ? { always: denied.missingPermission, plain: false } : { always: undefined, plain: true };
}
