import { scoped } from "../../../operation/authorization.ts";
import { Type, Uuid } from "../../../operation/schema.ts";
import { NotHeld, PermissionNotFound, RoleNotFound, SystemRole } from "../errors.ts";
import { PermissionRemovedFromRole } from "../events.ts";
import { PermissionValue, Role } from "../model.ts";
import { access } from "../module.ts";
import { deniedBy, representOne, rulesOf } from "../represent.ts";
import { tenantOfRole } from "../role-tenant.ts";

/** Takes permissions from a role (S3 §8.2, §8.3). One that it was not given is no error: it is not there afterwards. */
export const removeRolePermissions = access.command("removeRolePermissions", {
  http: "DELETE /api/v1/iam/roles/:roleId/permissions",
  summary: "Remove permissions from a role.",
  allow: scoped({ tenant: "Organization.ManageRoles", internal: "InternalRole.Manage" }),
  absent: RoleNotFound,
  versioned: true,
  input: Type.Object({ roleId: Uuid, permissions: Type.Array(PermissionValue, { minItems: 1, maxItems: 200, uniqueItems: true }) }),
  output: Role,
  errors: [RoleNotFound, SystemRole, PermissionNotFound, NotHeld],
  tenant: tenantOfRole,
  async prepare({ reading, notHeld, fail }, { roleId, permissions }) {
    const { role, denied } = await reading(async (store) => ({
      role: (await store.roleById(roleId)) ?? fail(RoleNotFound),
      denied: await deniedBy(store, roleId),
    }));
    // To take a denial away is to give.
    const lacking = await notHeld(
      role.organization_id,
      permissions.filter((value) => denied.has(value)),
    );
    if (lacking.length > 0) fail(NotHeld, ...lacking.map((value) => ({ field: "permissions", rule: "held", permission: value })));
  },
  async run({ store, emit, fail, audit, expectVersion, now }, { roleId, permissions }) {
    const row = (await store.lockRole(roleId)) ?? fail(RoleNotFound);
    if (row.is_system_role) fail(SystemRole);
    expectVersion(row.version);
    const before = rulesOf(await representOne(store, row));
    const found = await store.permissionsByValue(permissions);
    const unknown = permissions.filter((value) => !found.some((definition) => definition.value === value));
    if (unknown.length > 0) fail(PermissionNotFound, ...unknown.map((value) => ({ field: "permissions", permission: value })));
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
