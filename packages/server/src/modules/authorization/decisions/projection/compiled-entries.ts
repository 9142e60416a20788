import { createHash } from "node:crypto";
import { compileRules, PermissionTree, Policy, type RoleFacts, type RoleRules, rulesWhere } from "@gatehouse/policy";
import { LRUCache } from "lru-cache";
import { type PolicyEntry, type RoleEntry, type SystemRoleDefinition, systemRoleNamed } from "#modules/authorization/access/index.ts";

/** A policy is compiled once a version of it. The model was checked when it was written. */
const policies = new WeakMap<PolicyEntry, Policy>();
export function policyOf(entry: PolicyEntry): Policy {
  let policy = policies.get(entry);
  if (!policy) {
    policy = new Policy(new PermissionTree(entry.permissions), entry.model);
    policies.set(entry, policy);
  }
  return policy;
}

/**
 * Rules are shared by every role that was given the same: a product gives its roles to each of its tenants, and what follows from
 * them is then worked out and kept once. A role's facts are shared by everybody who holds it. A change of the tree changes neither.
 */
const rulesOfRoles = new WeakMap<RoleEntry, RoleRules>();
const rulesBytesMax = 64 * 1_024 * 1_024;
const rulesOfTexts = new LRUCache<string, RoleRules>({ max: 10_000, maxSize: rulesBytesMax });
const factsOfRoles = new WeakMap<RoleEntry, RoleFacts>();

function rulesOf(role: RoleEntry): RoleRules {
  const known = rulesOfRoles.get(role);
  if (known) return known;
  const given = JSON.stringify(role.given);
  const text = createHash("sha256").update(given).digest("base64");
  const rules = rulesOfTexts.get(text) ?? compileRules(role.given);
  // Conditions are held as JSON, and as functions once they are evaluated.
  rulesOfTexts.set(text, rules, { size: 100 + given.length * 4 });
  rulesOfRoles.set(role, rules);
  return rules;
}

/** What a system role gives is a rule over the definitions of its scope, so it follows from the policy alone. */
const rulesOfSystem = new WeakMap<PolicyEntry, Map<SystemRoleDefinition, RoleRules>>();

function systemRules(policy: PolicyEntry, definition: SystemRoleDefinition): RoleRules {
  const ofPolicy = rulesOfSystem.get(policy) ?? new Map<SystemRoleDefinition, RoleRules>();
  rulesOfSystem.set(policy, ofPolicy);
  const known = ofPolicy.get(definition);
  if (known) return known;
  const ofScope = new Set(policy.permissions.flatMap(({ value, scope }) => (scope === definition.scope ? [value] : [])));
  const rules = rulesWhere((action) => ofScope.has(action) && definition.gives(action));
  ofPolicy.set(definition, rules);
  return rules;
}

/** Undefined for a role that is not there. A system role that this release does not have gives nothing. */
export function roleFacts(role: RoleEntry | null, policy: PolicyEntry): RoleFacts | undefined {
  if (!role) return undefined;
  const definition = role.isSystem ? systemRoleNamed(role.name, role.scope) : undefined;
  const rules = definition === undefined ? rulesOf(role) : systemRules(policy, definition);
  const known = factsOfRoles.get(role);
  if (known?.rules === rules) return known;
  const facts = { id: role.id, name: role.name, rules, isSystem: role.isSystem };
  factsOfRoles.set(role, facts);
  return facts;
}
