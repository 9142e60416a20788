import type { AccessReads } from "./store.ts";
import { systemRoleNamed } from "./system.ts";

type Reads = Pick<AccessReads, "rolesByIds" | "valuesBelowRulesOf" | "valuesOfScope">;

/**
 * Every permission that the roles of this scope allow or deny, with or without a condition. A caller must hold all of them to assign or
 * remove the roles: removing a role also removes its denials. Roles of other scopes are ignored.
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
