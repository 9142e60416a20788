import { currentOfLimit, nameOf } from "../decision/entitlements.ts";
import { environmentOf, type Occasion } from "../decision/occasion.ts";
import type { View } from "../decision/view.ts";
import type { EntitlementRule, RelationExpression } from "../model/model.ts";
import { givesAlways, type RoleFacts } from "../model/role.ts";
import { relationsBehind } from "../relation/reach.ts";
import type { ResourceRef } from "../relation/relationship.ts";
import type { Change, Step } from "./explanation.ts";
import { relationshipsIn } from "./trace.ts";
import { wouldAllow } from "./what-if.ts";

/** Nobody reads more alternatives than this. */
const alternativesMax = 20;
/** Of roles that would do, so many that other ways are told as well. */
const rolesMax = 8;

/**
 * The smallest sets of changes that would allow what was denied. Each set was tried: with it the engine decides "allowed". Only a
 * condition that would have to hold cannot be tried; it is offered last.
 */
export function changesThatAllow(
  view: View,
  action: string,
  occasion: Occasion,
  steps: readonly Step[],
  otherRoles: readonly RoleFacts[],
): readonly (readonly Change[])[] {
  const held = view.facts.roles ?? [];
  const rolesById = new Map([...otherRoles, ...held.filter((role) => role !== undefined)].map((role) => [role.id, role]));
  const required = requiredChanges(view, action, occasion, steps);
  const allows = (changes: readonly Change[]) => wouldAllow(view, action, occasion, changes, rolesById);
  if (allows(required)) return [minimal(required, allows)];
  const alternatives = [...ofRoles(view, action, otherRoles), ...ofRelationships(view, action, occasion)];
  const tried = alternatives.map((change) => [...required, change]).filter(allows);
  return [...tried.map((changes) => minimal(changes, allows)), ...ofConditions(steps).map((change) => [...required, change])].slice(
    0,
    alternativesMax,
  );
}

/** Leaves out what is not needed: of three bans that were found, one may not matter. */
function minimal(changes: readonly Change[], allows: (changes: readonly Change[]) => boolean): readonly Change[] {
  let kept = changes;
  for (const change of changes) {
    const fewer = kept.filter((each) => each !== change);
    if (allows(fewer)) kept = fewer;
  }
  return kept;
}

/** What stands in the way whatever allows: status, credential, denies, the plan. */
function requiredChanges(view: View, action: string, occasion: Occasion, steps: readonly Step[]): Change[] {
  const { user, tenant } = view.facts;
  const changes: Change[] = [];
  if (user.status !== undefined && user.status !== "Active") changes.push({ kind: "activate_user" });
  if (tenant.status !== undefined && tenant.status !== "Active") changes.push({ kind: "activate_tenant" });
  const weak = steps.flatMap((step) => (step.part === "session_strength" && step.outcome === "failed" ? [step.rule] : []));
  if (weak.length > 0) changes.push({ kind: "stronger_session", rules: weak });
  for (const step of steps) {
    if (step.part === "key_scope" && step.outcome === "failed") changes.push({ kind: "widen_scopes", permission: action });
    if (step.part === "role" && step.effect === "deny" && step.outcome === "passed") {
      changes.push({ kind: "take_role", roleId: step.role.id, roleName: step.role.name });
    }
    if (step.part === "grant" && step.effect === "deny" && step.outcome === "passed") {
      changes.push(...relationshipsIn(step.trace).map((relationship): Change => ({ kind: "remove_relationship", relationship })));
    }
    if (step.part === "entitlement" && step.outcome === "failed") changes.push(entitlementChange(view, step.rule, occasion));
  }
  return changes;
}

function entitlementChange(view: View, rule: EntitlementRule, occasion: Occasion): Change {
  if ("feature" in rule) return { kind: "entitlement", name: nameOf(rule), needs: "feature" };
  const current = currentOfLimit(rule, environmentOf(view, occasion));
  return { kind: "entitlement", name: nameOf(rule), needs: "limit", ...(typeof current === "number" ? { above: current } : {}) };
}

function ofRoles(view: View, action: string, otherRoles: readonly RoleFacts[]): Change[] {
  const held = (view.facts.roles ?? []).filter((role) => role !== undefined);
  const others = otherRoles.filter((role) => !held.some(({ id }) => id === role.id));
  const { lineage } = view.plan(action);
  return [
    ...others
      .filter(({ rules }) => givesAlways(rules, lineage))
      .slice(0, rolesMax)
      .map((role): Change => ({ kind: "give_role", roleId: role.id, roleName: role.name })),
    ...held
      .filter(({ rules }) => !givesAlways(rules, lineage))
      .map((role): Change => ({ kind: "add_permission", roleId: role.id, roleName: role.name, permission: action })),
  ];
}

/** Relations that the user himself could be put into: of the resource, and of what it leads to. */
function ofRelationships(view: View, action: string, { resource, relationships }: Occasion): Change[] {
  const rules = view.plan(action).rules;
  const type = resource?.type ?? view.plan(action).soleType;
  const expression = type === undefined ? undefined : (rules?.get(type)?.allow as RelationExpression | undefined);
  if (expression === undefined || type === undefined || resource?.id === undefined) return [];
  const subject = { type: "user", id: view.facts.user.id };
  const behind = relationsBehind(view.policy, expression, type);
  const start: ResourceRef = { type, id: resource.id };
  const resources = [start, ...parentsOf(start, behind, relationships)];
  return resources.flatMap((ref) =>
    behind
      .filter((relation) => relation.type === ref.type && relation.subjects.includes("user"))
      .map((relation): Change => ({ kind: "add_relationship", resource: ref, relation: relation.name, subject })),
  );
}

function parentsOf(from: ResourceRef, behind: ReturnType<typeof relationsBehind>, reader: Occasion["relationships"]): ResourceRef[] {
  return behind
    .filter(({ type }) => type === from.type)
    .flatMap(({ name }) => reader?.indirect(from, name) ?? [])
    .filter(({ subject }) => subject.relation === undefined)
    .map(({ subject }) => ({ type: subject.type, id: subject.id }));
}

const ofConditions = (steps: readonly Step[]): Change[] =>
  steps.flatMap((step): Change[] =>
    step.part === "role" && step.effect === "allow" && step.condition && step.outcome !== "passed"
      ? [{ kind: "meet_condition", roleId: step.role.id, roleName: step.role.name, condition: step.condition }]
      : [],
  );
