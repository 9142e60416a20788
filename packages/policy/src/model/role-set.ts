import { type CompiledCondition, compileCondition } from "../condition/compile.ts";
import type { Condition } from "../condition/condition.ts";
import { type Decision, denied } from "../decision/decision.ts";
import { PolicyError } from "../faults.ts";
import type { EffectiveRequirement, PermissionRule } from "./model.ts";
import type { ConditionalRule, RoleFacts } from "./role.ts";

/** What the policy says of an action, whatever the roles. */
export interface ActionFacts {
  readonly requirement: EffectiveRequirement | undefined;
  /** The rules about the action by resource type. */
  readonly rules: ReadonlyMap<string, PermissionRule> | undefined;
  /** The action and its ancestors. */
  readonly lineage: readonly string[];
  /** The one resource type that has a rule about the action: what a resource without a type is taken for. */
  readonly soleType: string | undefined;
}

/** What plans need of the policy. */
export interface PolicyOfRoles {
  /** Undefined for an action that nobody has defined. */
  action(value: string): ActionFacts | undefined;
}

/** A role's rule about one action. */
export interface PlannedRule {
  readonly role: RoleFacts;
  readonly condition: Condition | undefined;
  /** The condition as a function; always present with it. */
  readonly holds: CompiledCondition | undefined;
  /** The decision when it is this rule that decides. */
  readonly decision: Decision;
}

/** All that a decision about one action needs of the policy and of a set of roles. */
export interface ActionPlan extends ActionFacts {
  /** The decision where neither resource nor request can change it. */
  readonly always: Decision | undefined;
  /** Only the conditions of roles that allow are left to look at. */
  readonly plain: boolean;
  readonly allowing: readonly PlannedRule[];
  readonly denying: readonly PlannedRule[];
}

const noRules: readonly ConditionalRule[] = [];

/**
 * Roles that are held together. Plans are worked out when an action is first asked for and shared by everybody who holds the
 * same roles, so that a million users cost no more than the sets of roles among them.
 */
export class RoleSet {
  readonly roles: readonly RoleFacts[];
  readonly ids: readonly string[];
  readonly #policy: PolicyOfRoles;
  readonly #plans = new Map<string, ActionPlan>();

  constructor(policy: PolicyOfRoles, roles: readonly RoleFacts[]) {
    this.#policy = policy;
    this.roles = roles;
    this.ids = roles.map(({ id }) => id);
  }

  consistsOf(roles: readonly RoleFacts[]): boolean {
    return roles.length === this.roles.length && roles.every((role, index) => role === this.roles[index]);
  }

  /** Throws `unknown_permission` for an action that nobody has defined. */
  plan(action: string): ActionPlan {
    return this.#plans.get(action) ?? this.#makePlan(action);
  }

  #makePlan(action: string): ActionPlan {
    const facts = this.#policy.action(action);
    if (facts === undefined) {
      throw new PolicyError("unknown_permission", [{ field: "action", rule: "defined", message: "is not a defined permission" }]);
    }
    const { allowing, denying } = this.#rulesAbout(action);
    const plan: ActionPlan = { ...facts, ...settledBy(facts, allowing, denying), allowing, denying };
    this.#plans.set(action, plan);
    return plan;
  }

  #rulesAbout(action: string): { readonly allowing: readonly PlannedRule[]; readonly denying: readonly PlannedRule[] } {
    const certain: PlannedRule[] = [];
    const conditional: PlannedRule[] = [];
    const denying: PlannedRule[] = [];
    for (const role of this.roles) {
      if (role.rules.given.has(action)) certain.push(plannedRule(role, "allow", undefined));
      for (const { effect, condition } of role.rules.others.get(action) ?? noRules) {
        const rule = plannedRule(role, effect, condition);
        (effect === "deny" ? denying : condition === undefined ? certain : conditional).push(rule);
      }
    }
    // What needs no condition is asked first: it costs nothing.
    return { allowing: [...certain, ...conditional], denying };
  }
}

const plannedRule = (role: RoleFacts, effect: "allow" | "deny", condition: Condition | undefined): PlannedRule => ({
  role,
  condition,
  holds: condition && compileCondition(condition),
  decision: effect === "allow" ? { allowed: true, reason: "role", role } : { allowed: false, reason: "explicit_deny", role },
});

/** What is settled before anybody asks. */
function settledBy(
  { requirement, rules }: ActionFacts,
  allowing: readonly PlannedRule[],
  denying: readonly PlannedRule[],
): Pick<ActionPlan, "always" | "plain"> {
  const byRolesAlone = requirement === undefined && rules === undefined;
  const mayBeDenied = denying.length > 0 || [...(rules?.values() ?? [])].some(({ deny }) => deny !== undefined);
  if (requirement !== undefined) return { always: undefined, plain: false };
  const deny = denying.find(({ condition }) => condition === undefined);
  const allow = allowing.find(({ condition }) => condition === undefined);
  if (deny) return { always: deny.decision, plain: false };
  if (allow && !mayBeDenied) return { always: allow.decision, plain: false };
  if (byRolesAlone && allowing.length === 0) return { always: denying.length === 0 ? denied.missingPermission : undefined, plain: false };
  return { always: undefined, plain: byRolesAlone && denying.length === 0 };
}
