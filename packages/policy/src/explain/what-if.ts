import { decide, withinScopes } from "../decision/decide.ts";
import { pendingDecision } from "../decision/decision.ts";
import { noRelationships, type RequestContext } from "../decision/request-context.ts";
import { type SubjectFacts, View } from "../decision/view.ts";
import { PolicyError } from "../issues.ts";
import { type RoleFacts, rulesWith } from "../model/role.ts";
import { RelationshipIndex } from "../relation/index-in-memory.ts";
import type { Relationship, RelationshipReader } from "../relation/relationship.ts";
import type { Change } from "./explanation.ts";

/** The evaluation as if the changes were made and the conditions held. */
function withChanges(
  view: View,
  action: string,
  context: RequestContext,
  changes: readonly Change[],
  rolesById: ReadonlyMap<string, RoleFacts>,
): { readonly view: View; readonly context: RequestContext } {
  let facts: SubjectFacts = view.facts;
  let changed: RequestContext = context;
  for (const change of changes) {
    const roles = facts.roles ?? [];
    switch (change.kind) {
      case "give_role":
        facts = { ...facts, roles: [...roles, rolesById.get(change.roleId)] };
        break;
      case "take_role":
        facts = { ...facts, roles: roles.filter((role) => role?.id !== change.roleId) };
        break;
      case "add_permission":
        facts = { ...facts, roles: roles.map((role) => (role?.id === change.roleId ? giving(role, change.permission) : role)) };
        break;
      case "add_relationship":
        changed = { ...changed, relationships: plus(changed.relationships ?? noRelationships, change) };
        break;
      case "remove_relationship":
        changed = { ...changed, relationships: without(changed.relationships ?? noRelationships, change.relationship) };
        break;
      case "activate_user":
        facts = { ...facts, user: { ...facts.user, status: "Active" } };
        break;
      case "activate_tenant":
        facts = { ...facts, tenant: { ...facts.tenant, status: "Active" } };
        break;
      case "widen_scopes":
        changed = {
          ...changed,
          scopes: plusScope(changed.scopes, change.permission),
          callerScopes: plusScope(changed.callerScopes, change.permission),
        };
        break;
      case "stronger_session": {
        const now = changed.now ?? Date.now();
        const methods = change.rules.flatMap(({ anyMethod }) => anyMethod?.slice(0, 1) ?? []);
        changed = {
          ...changed,
          now,
          session: { ...changed.session, authenticatedAt: now, methods: [...(changed.session?.methods ?? []), ...methods] },
        };
        break;
      }
      case "entitlement": {
        const value = change.needs === "feature" ? true : (change.above ?? 0) + 1;
        facts = { ...facts, tenant: { ...facts.tenant, entitlements: { ...facts.tenant.entitlements, [change.name]: value } } };
        break;
      }
      case "meet_condition":
        if ("relationship" in change) {
          const { relationship } = change;
          const others = without(changed.relationships ?? noRelationships, relationship);
          changed = { ...changed, relationships: plus(others, { ...relationship, condition: null }) };
        } else facts = { ...facts, roles: roles.map((role) => (role?.id === change.roleId ? giving(role, action) : role)) };
        break;
    }
  }
  return { view: new View(view.policy, facts), context: changed };
}

/** Whether the changes suffice; pending and invalid outcomes do not. */
export function wouldAllow(
  view: View,
  action: string,
  context: RequestContext,
  changes: readonly Change[],
  rolesById: ReadonlyMap<string, RoleFacts>,
): boolean {
  const changed = withChanges(view, action, context, changes, rolesById);
  try {
    const decision = decide(changed.view, action, changed.context);
    return decision !== pendingDecision && decision.allowed && withinScopes(changed.view.plan(action), changed.context);
  } catch (error) {
    if (error instanceof PolicyError) return false;
    throw error;
  }
}

const plusScope = (scopes: ReadonlySet<string> | undefined, permission: string): ReadonlySet<string> | undefined =>
  scopes && new Set([...scopes, permission]);

const giving = (role: RoleFacts, permission: string): RoleFacts => ({ ...role, rules: rulesWith(role.rules, permission) });

function plus(reader: RelationshipReader, relationship: Relationship): RelationshipReader {
  const added = new RelationshipIndex([relationship]);
  const join = (before: readonly Relationship[] | undefined, more: readonly Relationship[]) => before && [...before, ...more];
  return {
    direct: (...lookup) => join(reader.direct(...lookup), added.direct(...lookup)),
    indirect: (...lookup) => join(reader.indirect(...lookup), added.indirect(...lookup)),
    reverse: (...lookup) => join(reader.reverse(...lookup), added.reverse(...lookup)),
  };
}

function without(reader: RelationshipReader, relationship: Relationship): RelationshipReader {
  // Compared by value, because a reader may create a new object for each look-up.
  const key = keyOf(relationship);
  const others = (list: readonly Relationship[] | undefined) => list?.filter((each) => keyOf(each) !== key);
  return {
    direct: (...lookup) => others(reader.direct(...lookup)),
    indirect: (...lookup) => others(reader.indirect(...lookup)),
    reverse: (...lookup) => others(reader.reverse(...lookup)),
  };
}

const keyOf = ({ resource, relation, subject }: Relationship): string =>
  JSON.stringify([resource.type, resource.id, relation, subject.type, subject.id, subject.relation ?? null]);
