import { PermissionNotHeld, type RoleSummary } from "#modules/authorization/access/index.ts";
import type { Fail } from "#operation/declaration/context.ts";
import type { CommandContextOf, PrepareContextOf } from "#operation/declaration/contexts-of.ts";
import { RoleUnknown } from "./errors.ts";
import type { tenancy } from "./module.ts";

/**
 * The delegation check for roles: refuses to assign or remove roles with permissions that the caller does not hold. So no user escalates
 * their own privileges, or removes those of a more privileged user. Runs before the transaction, because it reads the projection. Roles of
 * another scope are refused by {@link rolesInScope}, so that this check does not disclose their permissions.
 */
export async function requireRolesHeld(
  { reading, requireHeld }: PrepareContextOf<typeof tenancy, typeof PermissionNotHeld>,
  organizationId: string | null,
  roleIds: readonly string[],
): Promise<void> {
  const given = await reading((_store, uses) => uses.access.permissionsGivenBy(organizationId, roleIds));
  await requireHeld(organizationId, given, { error: PermissionNotHeld, field: "roleIds" });
}

/** Locks the requested roles for use. A role of another scope is refused like one that does not exist. */
export async function rolesInScope(
  access: CommandContextOf<typeof tenancy>["uses"]["access"],
  organizationId: string | null,
  roleIds: readonly string[],
  fail: Fail<typeof RoleUnknown>,
): Promise<readonly RoleSummary[]> {
  const found = (await access.lockRolesForUse(roleIds)).filter((role) => role.organizationId === organizationId);
  const unknown = roleIds.filter((id) => !found.some((role) => role.id === id));
  if (unknown.length > 0) fail(RoleUnknown, ...unknown.map((id) => ({ field: "roleIds", role: id })));
  return found;
}
