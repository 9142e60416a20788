import { NotHeld, RoleNotFound, type RoleSummary } from "#modules/authorization/access/index.ts";
import type { Fail } from "#operation/declaration/context.ts";
import type { CommandContextOf, PrepareContextOf } from "#operation/declaration/contexts-of.ts";
import type { serviceaccounts } from "./module.ts";

/**
 * The delegation check: refuses to give or take roles that give more than the caller holds, so that a service account is no way to rights
 * that its maker lacks. Asked before the transaction, because holdings come from the projection. A role of another scope is left to
 * {@link rolesInScope}, so that what it gives is not disclosed here.
 */
export async function requireRolesHeld(
  { reading, requireHeld }: PrepareContextOf<typeof serviceaccounts, typeof NotHeld>,
  organizationId: string | null,
  roleIds: readonly string[],
): Promise<void> {
  const given = await reading((_store, uses) => uses.access.permissionsGivenBy(organizationId, roleIds));
  await requireHeld(organizationId, given, { error: NotHeld, field: "roleIds" });
}

type Access = CommandContextOf<typeof serviceaccounts>["uses"]["access"];

/** The roles that a request names, locked for use. Refuses one that is not of this scope as one that does not exist. */
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

/** The ids of a request in the form in which the database keeps them. */
export const asStored = (ids: readonly string[]): readonly string[] => [...new Set(ids.map((id) => id.toLowerCase()))];
