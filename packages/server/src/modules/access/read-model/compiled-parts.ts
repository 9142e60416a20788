import { createHash } from "node:crypto";
import { compileRules, PermissionTree, Policy, type RoleFacts, type RoleRules } from "@gatehouse/policy";
import { LRUCache } from "lru-cache";
import type { EffectivePart, PolicyPart, RolePart } from "./keys.ts";

/** A policy is compiled once a version of it. The model was checked when it was written. */
const policies = new WeakMap<PolicyPart, Policy>();
export function policyOf(part: PolicyPart): Policy {
  let policy = policies.get(part);
  if (!policy) {
    policy = new Policy(new PermissionTree(part.permissions), part.model);
    policies.set(part, policy);
  }
  return policy;
}

/**
 * Rules are shared by every role whose list says the same: a product gives its roles to each of its tenants, and what follows from
 * them is then worked out and kept once. A role's facts are shared by everybody who holds it.
 */
const rulesOfLists = new WeakMap<EffectivePart, RoleRules>();
const rulesOfTexts = new LRUCache<string, RoleRules>({ max: 10_000 });
const factsOfRoles = new WeakMap<RolePart, RoleFacts>();

function rulesOf(list: EffectivePart): RoleRules {
  const known = rulesOfLists.get(list);
  if (known) return known;
  const text = createHash("sha256").update(JSON.stringify(list)).digest("base64");
  const rules = rulesOfTexts.get(text) ?? compileRules(list);
  rulesOfTexts.set(text, rules);
  rulesOfLists.set(list, rules);
  return rules;
}

export function roleFacts(role: RolePart | null, listOf: ReadonlyMap<string, EffectivePart | null>): RoleFacts | undefined {
  const list = role && listOf.get(role.effective);
  if (!role || !list) return undefined;
  const rules = rulesOf(list);
  const known = factsOfRoles.get(role);
  if (known?.rules === rules) return known;
  const facts = { id: role.id, name: role.name, rules };
  factsOfRoles.set(role, facts);
  return facts;
}
