import { PermissionNotHeld, RoleNotFound, type RoleSummary } from "#modules/authorization/access/index.ts";
import type { Fail } from "#operation/declaration/context.ts";
import type { CommandContextOf, PrepareContextOf } from "#operation/declaration/contexts-of.ts";
import type { serviceaccounts } from "./module.ts";

/**
 * The delegation check for roles: refuses to assign or remove roles with permissions that the caller does not hold. So no caller escalates
 * their privileges by a service account. Runs before the transaction, because it reads the projection. Roles of another scope are refused
 * by {@link rolesInScope}, so that this check does not disclose their permissions.
 */
export async function requireRolesHeld(
  { reading, requireHeld }: PrepareContextOf<typeof serviceaccounts, typeof PermissionNotHeld>,
  organizationId: string | null,
  roleIds: readonly string[],
): Promise<void> {
  const given = await reading((_store, uses) => uses.access.permissionsGivenBy(organizationId, roleIds));
  await requireHeld(organizationId, given, { error: PermissionNotHeld, field: "roleIds" });
}

type Access = CommandContextOf<typeof serviceaccounts>["uses"]["access"];

/** Locks the requested roles for use. A role of another scope is refused like one that does not exist. */
export async function rolesInScope(
  access: Access,
  organizationId: string | null,
  roleIds: readonly string[],
  fail: Fail<typeof RoleNotFound>,
): Promise<readonly RoleSummary[]> {
  const found = (await access.lockRolesForUse(roleIds)).filter((role) => role.organizationId === organizationId);
  const unknown = roleIds.filter((id) => !found.some((role) => role.id === id));
  if (unknown.length > 0) fail(RoleNotFound, ...unknown.map((id) => ({ field: "roleIds", role: id })));
  return found;
}

/** The requested ids without duplicates, in lower case as stored. */
export const asStored = (ids: readonly string[]): readonly string[] => [...new Set(ids.map((id) => id.toLowerCase()))];
