import type { Condition } from "../condition/condition.ts";
import type { Decision } from "../decision/decision.ts";
import { PolicyError } from "../faults.ts";
import type { EffectiveRequirement, PermissionRule } from "./model.ts";
import type { RoleFacts } from "./role.ts";
import type { PermissionTree } from "./tree.ts";

/** What plans need of the policy. */
export interface PolicyOfRoles {
  readonly tree: PermissionTree;
  rulesAbout(action: string): ReadonlyMap<string, PermissionRule> | undefined;
  requirementOf(action: string): EffectiveRequirement | undefined;
}

/** A role's rule about one action. */
export interface PlannedRule {
  readonly role: RoleFacts;
  readonly condition: Condition | undefined;
  /** The decision when it is this rule that decides. */
  readonly decision: Decision;
}

/** All that a decision about one action needs of the policy and of a set of roles. */
export interface ActionPlan {
  /** The decision where neither resource nor request can change it. */
  readonly always: Decision | undefined;
  readonly allowing: readonly PlannedRule[];
  readonly denying: readonly PlannedRule[];
  readonly requirement: EffectiveRequirement | undefined;
  readonly rules: ReadonlyMap<string, PermissionRule> | undefined;
  /** The action and its ancestors. */
  readonly lineage: readonly string[];
  /** The one resource type that has a rule about the action: what a resource without a type is taken for. */
  readonly soleType: string | undefined;
}

/**
 * Roles that are held together. Plans are worked out when an action is first asked for and shared by everybody who holds the
 * same roles, so that a million users cost no more than the sets of roles among them.
 */
export class RoleSet {
  readonly roles: readonly RoleFacts[];
  readonly #policy: PolicyOfRoles;
  readonly #plans = new Map<string, ActionPlan>();
  readonly #larger = new WeakMap<RoleFacts, RoleSet>();

  constructor(policy: PolicyOfRoles, roles: readonly RoleFacts[]) {
    this.#policy = policy;
    this.roles = roles;
  }

  with(role: RoleFacts): RoleSet {
    let larger = this.#larger.get(role);
    if (!larger) {
      larger = new RoleSet(this.#policy, [...this.roles, role]);
      this.#larger.set(role, larger);
    }
    return larger;
  }

  /** Throws `unknown_permission` for an action that nobody has defined. */
  plan(action: string): ActionPlan {
    return this.#plans.get(action) ?? this.#makePlan(action);
  }

  #makePlan(action: string): ActionPlan {
    if (!this.#policy.tree.has(action)) {
      throw new PolicyError("unknown_permission", [{ field: "action", rule: "defined", message: "is not a defined permission" }]);
    }
    const allowing: PlannedRule[] = [];
    const denying: PlannedRule[] = [];
    for (const role of this.roles) {
      const allowed: Decision = { allowed: true, reason: "role", role };
      if (role.rules.given.has(action)) allowing.push({ role, condition: undefined, decision: allowed });
      for (const { effect, condition } of role.rules.others.get(action) ?? []) {
        if (effect === "allow") allowing.push({ role, condition, decision: allowed });
        else denying.push({ role, condition, decision: { allowed: false, reason: "explicit_deny", role } });
      }
    }
    // What needs no condition is asked first: it costs nothing.
    allowing.sort((a, b) => Number(a.condition !== undefined) - Number(b.condition !== undefined));
    const rules = this.#policy.rulesAbout(action);
    const requirement = this.#policy.requirementOf(action);
    const denied = denying.find(({ condition }) => condition === undefined);
    const settled = requirement === undefined && ![...(rules?.values() ?? [])].some(({ deny }) => deny !== undefined);
    const first = allowing[0];
    const always = settled && denying.length === 0 && first !== undefined && first.condition === undefined ? first.decision : undefined;
    const plan: ActionPlan = {
      always: always ?? (settled && denied ? denied.decision : undefined),
      allowing,
      denying: denied ? [denied] : denying,
      requirement,
      rules,
      lineage: this.#policy.tree.lineage(action),
      soleType: rules?.size === 1 ? [...rules.keys()][0] : undefined,
    };
    this.#plans.set(action, plan);
    return plan;
  }
}
