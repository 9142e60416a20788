import type { View } from "../decision/view.ts";
import { givesAlways, type RoleFacts } from "../model/role.ts";
import type { Change, Step } from "./explanation.ts";

/** The maximum number of proposed roles, so that other alternatives are also listed. */
const rolesMax = 8;
/** The maximum number of roles without the permission that are tried, if membership or a relation to the role may suffice. */
const othersMax = 50;
/** Trees and roles up to this are compared by how much each role gives: 100,000 look-ups take some milliseconds. */
const comparedMax = 100_000;

/**
 * Role changes that might allow the action: another role for the user, least privileged first, then the permission for a
 * role that they have, then system roles. `others`: a role without the permission may suffice.
 */
export function roleChanges(view: View, action: string, otherRoles: readonly RoleFacts[], others: boolean): readonly Change[] {
  const held = (view.facts.roles ?? []).filter((role) => role !== undefined);
  const { lineage } = view.plan(action);
  const free = otherRoles.filter((role) => !held.some(({ id }) => id === role.id));
  // Conditional rules are included, because the condition may hold.
  const giving = free.filter(({ rules }) => rules.about(lineage).some(({ effect }) => effect === "allow"));
  const [ofProduct, ofSystem] = [giving.filter(({ isSystem }) => !isSystem), giving.filter(({ isSystem }) => isSystem)];
  const without = others ? free.filter((role) => !role.isSystem && !giving.includes(role)).slice(0, othersMax) : [];
  // A conditional permission is not proposed unconditionally for the user's own role, which would defeat the condition.
  const isConditional = held.some(({ rules }) => rules.about(lineage).some(({ effect }) => effect === "allow"));
  return [
    ...[...without, ...leastFirst(view, ofProduct).slice(0, rolesMax)].map(give),
    ...held
      .filter(({ rules, isSystem }) => !isConditional && !isSystem && !givesAlways(rules, lineage))
      .map((role): Change => ({ kind: "add_permission", roleId: role.id, roleName: role.name, permission: action })),
    ...leastFirst(view, ofSystem).map(give),
    ...(others ? free.filter((role) => role.isSystem && !giving.includes(role)).map(give) : []),
  ];
}

const give = (role: RoleFacts): Change => ({ kind: "give_role", roleId: role.id, roleName: role.name });

function leastFirst({ policy }: View, roles: readonly RoleFacts[]): readonly RoleFacts[] {
  const values = [...policy.tree.values()];
  if (roles.length < 2 || roles.length * values.length > comparedMax) return roles;
  const lineages = values.map((value) => policy.tree.lineage(value));
  const breadth = new Map(roles.map((role) => [role, lineages.filter((lineage) => givesAlways(role.rules, lineage)).length]));
  return [...roles].sort((a, b) => (breadth.get(a) as number) - (breadth.get(b) as number));
}

/** Conditions of the user's roles that would have to hold. */
export const conditionChanges = (steps: readonly Step[]): Change[] =>
  steps.flatMap((step): Change[] =>
    step.part === "role" && step.effect === "allow" && step.condition && step.outcome !== "passed"
      ? [{ kind: "meet_condition", roleId: step.role.id, roleName: step.role.name, condition: step.condition }]
      : [],
  );
