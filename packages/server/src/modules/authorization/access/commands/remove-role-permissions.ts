import { scoped } from "#operation/declaration/authorization.ts";
import { Type, Uuid } from "#operation/declaration/schema.ts";
import { HoldersAbove, PermissionNotFound, PermissionNotHeld, RoleNotFound, SystemRole } from "../errors.ts";
import { PermissionRemovedFromRole } from "../events.ts";
import { PermissionValue, Role } from "../model.ts";
import { access } from "../module.ts";
import { representOne, rulesOf } from "../represent.ts";
import { assertCanRevokeFromHolders, stillCovered } from "../revocation-check.ts";
import { tenantOfRole } from "../role-tenant.ts";

/**
 * Removes permissions from a role, unless a holder of the role has more permissions than the caller. A permission that the role does not
 * have is ignored.
 */
export const removeRolePermissions = access.command("removeRolePermissions", {
  http: "DELETE /api/v1/iam/roles/:roleId/permissions",
  summary: "Remove permissions from a role.",
  allow: scoped({ tenant: "Organization.ManageRoles", internal: "InternalRole.Manage" }),
  audit: { action: "Role.Permission.Removed", category: "Security", severity: "Warning", entity: "Role" },
  absent: RoleNotFound,
  versioned: true,
  input: Type.Object({ roleId: Uuid, permissions: Type.Array(PermissionValue, { minItems: 1, maxItems: 200, uniqueItems: true }) }),
  output: Role,
  errors: [RoleNotFound, SystemRole, PermissionNotFound, PermissionNotHeld, HoldersAbove],
  tenant: tenantOfRole,
  async prepare(context, { roleId, permissions }) {
    const { reading, requireHeld, fail } = context;
    const { role, rules } = await reading(async (store) => ({
      role: (await store.roleById(roleId)) ?? fail(RoleNotFound),
      rules: ((await store.rulesOf([roleId])).get(roleId) ?? []).filter(({ permission }) => permissions.includes(permission)),
    }));
    const denied = new Set(rules.filter(({ effect }) => effect === "deny").map(({ permission }) => permission));
    // Removing a denial grants the permission.
    const granted = permissions.filter((value) => denied.has(value));
    await requireHeld(role.organization_id, granted, { error: PermissionNotHeld, field: "permissions" });
    return rules.some(({ effect }) => effect === "allow") ? await assertCanRevokeFromHolders(context, role) : undefined;
  },
  async run({ store, emit, fail, audit, expectVersion, now, principal }, { roleId, permissions }, checkedRights) {
    const row = (await store.lockRole(roleId)) ?? fail(RoleNotFound);
    if (row.is_system_role) fail(SystemRole);
    expectVersion(row.version);
    const before = rulesOf(await representOne(store, row));
    const found = await store.permissionsByValue(permissions);
    const unknown = permissions.filter((value) => !found.some((definition) => definition.value === value));
    if (unknown.length > 0) fail(PermissionNotFound, ...unknown.map((value) => ({ field: "permissions", permission: value })));
    if (checkedRights !== undefined && !(await stillCovered(store, row, principal, checkedRights)))
      fail(HoldersAbove, { field: "roleId", rule: "changed" });
    await store.removeRolePermissions(
      row.id,
      found.map(({ id }) => id),
    );
    const updated = await store.touchRole(row.id, now);
    emit(PermissionRemovedFromRole, { roleId: row.id, organizationId: row.organization_id, permissions });
    const role = await representOne(store, updated);
    audit({ before, after: rulesOf(role) });
    return role;
  },
});
