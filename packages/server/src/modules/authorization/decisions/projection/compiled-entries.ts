import { createHash } from "node:crypto";
import { compileRules, PermissionTree, Policy, type RoleFacts, type RoleRules, rulesWhere } from "@gatehouse/policy";
import { LRUCache } from "lru-cache";
import { type PolicyEntry, type RoleEntry, type SystemRoleDefinition, systemRoleNamed } from "#modules/authorization/access/index.ts";

/** Each version of the policy is compiled once. The model was validated when it was written. */
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
 * Roles with equal rules share the compiled rules: an application creates the same roles in each tenant. All holders of a role share its
 * facts. A change of the tree changes neither.
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
  // Conditions are stored as JSON, and as functions once they are evaluated.
  rulesOfTexts.set(text, rules, { size: 100 + given.length * 4 });
  rulesOfRoles.set(role, rules);
  return rules;
}

/** The rules of a system role are a predicate over the permissions of its scope, so they depend on the policy only. */
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

/** The facts of a role; undefined for a missing one. A system role that is unknown to this release allows nothing. */
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
