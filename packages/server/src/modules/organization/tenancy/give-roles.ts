import { PermissionNotHeld, type RoleSummary } from "#modules/authorization/access/index.ts";
import type { Fail } from "#operation/declaration/context.ts";
import type { CommandContextOf, PrepareContextOf } from "#operation/declaration/contexts-of.ts";
import { RoleUnknown } from "./errors.ts";
import type { tenancy } from "./module.ts";

/**
 * The delegation check for roles: refuses to give or take roles that give more than the caller holds, so that no user escalates their
 * own privileges and none takes away those of somebody above them. Asked before the transaction, because holdings come from the
 * projection. A role of another scope is left to {@link rolesInScope}, so that what it gives is not disclosed here.
 */
export async function requireRolesHeld(
  { reading, requireHeld }: PrepareContextOf<typeof tenancy, typeof PermissionNotHeld>,
  organizationId: string | null,
  roleIds: readonly string[],
): Promise<void> {
  const given = await reading((_store, uses) => uses.access.permissionsGivenBy(organizationId, roleIds));
  await requireHeld(organizationId, given, { error: PermissionNotHeld, field: "roleIds" });
}

/** The roles that a request names, locked for use. Refuses one that is not of this scope as one that does not exist. */
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
