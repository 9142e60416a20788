import { scoped } from "#operation/declaration/authorization.ts";
import { Type, Uuid } from "#operation/declaration/schema.ts";
import { violatedReference } from "#platform/database/driver-errors.ts";
import { PermissionNotFound, PermissionNotHeld, RoleNotFound, ScopeMismatch, SystemRole } from "../errors.ts";
import { PermissionAddedToRole } from "../events.ts";
import { PermissionValue, Role } from "../model.ts";
import { access } from "../module.ts";
import { representOne, rulesOf } from "../represent.ts";
import { tenantOfRole } from "../role-tenant.ts";

/** Adds permissions to a role. Callers can add only permissions that they hold themselves. */
export const addRolePermissions = access.command("addRolePermissions", {
  http: "POST /api/v1/iam/roles/:roleId/permissions",
  summary: "Add permissions to a role.",
  allow: scoped({ tenant: "Organization.ManageRoles", internal: "InternalRole.Manage" }),
  audit: { action: "Role.Permission.Added", category: "Security", severity: "Warning", entity: "Role" },
  absent: RoleNotFound,
  versioned: true,
  input: Type.Object({ roleId: Uuid, permissions: Type.Array(PermissionValue, { minItems: 1, maxItems: 200, uniqueItems: true }) }),
  output: Role,
  errors: [RoleNotFound, SystemRole, PermissionNotFound, ScopeMismatch, PermissionNotHeld],
  tenant: tenantOfRole,
  async prepare({ reading, requireHeld, fail }, { roleId, permissions }) {
    const { role, defined } = await reading(async (store) => ({
      role: (await store.roleById(roleId)) ?? fail(RoleNotFound),
      defined: new Set((await store.permissionsByValue(permissions)).map((row) => row.value)),
    }));
    // An undefined permission is reported as not found, not as not held.
    const known = permissions.filter((value) => defined.has(value));
    await requireHeld(role.organization_id, known, { error: PermissionNotHeld, field: "permissions" });
  },
  async run({ store, emit, fail, audit, expectVersion, now }, { roleId, permissions }) {
    const row = (await store.lockRole(roleId)) ?? fail(RoleNotFound);
    if (row.is_system_role) fail(SystemRole);
    expectVersion(row.version);
    const before = rulesOf(await representOne(store, row));
    const found = await store.permissionsByValue(permissions);
    for (const value of permissions) {
      const definition =
        found.find((candidate) => candidate.value === value) ?? fail(PermissionNotFound, { field: "permissions", permission: value });
      if (definition.scope !== row.scope) fail(ScopeMismatch, { field: "permissions", rule: "same_scope", permission: value });
    }
    try {
      await store.addRolePermissions(
        row,
        found.map(({ id }) => id),
      );
    } catch (error) {
      // A concurrent transaction has deleted one of the permissions.
      if (violatedReference(error) !== undefined) fail(PermissionNotFound, { field: "permissions" });
      throw error;
    }
    const updated = await store.touchRole(row.id, now);
    emit(PermissionAddedToRole, { roleId: row.id, organizationId: row.organization_id, permissions });
    const role = await representOne(store, updated);
    audit({ before, after: rulesOf(role) });
    return role;
  },
});
