import type { AccessScope } from "./model.ts";
import type { RoleRow } from "./store.ts";
import { systemRoleNamed } from "./system.ts";

interface Reads {
  rolesByIds(ids: readonly string[]): Promise<readonly RoleRow[]>;
  valuesBelowRulesOf(roleIds: readonly string[]): Promise<readonly string[]>;
  valuesOfScope(scope: AccessScope): Promise<readonly string[]>;
}

/**
 * Everything that the roles of this scope give, under conditions too, and take away: what someone must hold to give or take them, so
 * that nobody is rid of what denies them. Roles of other scopes give nothing here.
 */
export async function permissionsGivenBy(
  store: Reads,
  organizationId: string | null,
  roleIds: readonly string[],
): Promise<readonly string[]> {
  const roles = (await store.rolesByIds(roleIds)).filter((role) => role.organization_id === organizationId);
  const all = new Set(await store.valuesBelowRulesOf(roles.filter((role) => !role.is_system_role).map(({ id }) => id)));
  for (const role of roles) {
    const rule = role.is_system_role ? systemRoleNamed(role.name, role.scope) : undefined;
    if (rule === undefined) continue;
    for (const value of await store.valuesOfScope(role.scope)) if (rule.gives(value)) all.add(value);
  }
  return [...all];
}
