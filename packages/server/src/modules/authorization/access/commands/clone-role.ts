import { v7 as uuid } from "uuid";
import { scoped } from "#operation/declaration/authorization.ts";
import { QuotaExceeded } from "#operation/declaration/errors.ts";
import { Description, Name, nullable, Type, Uuid } from "#operation/declaration/schema.ts";
import { requireVisible } from "#operation/declaration/visible-name.ts";
import { requireWithinQuota } from "#operation/kernel/quota.ts";
import { violatedUnique } from "#platform/database/driver-errors.ts";
import { takenRule } from "#platform/names/stored-keys.ts";
import { PermissionNotHeld, RoleNameTaken, RoleNotFound } from "../errors.ts";
import { PermissionAddedToRole, RoleCreated } from "../events.ts";
import { Role } from "../model.ts";
import { access } from "../module.ts";
import { representOne } from "../represent.ts";
import { tenantOfRole } from "../role-tenant.ts";

/**
 * Creates a custom role as a copy of another role of the same scope, with its rules and conditions. A copy of a system role gets the
 * permissions that the system role has now. Callers need every copied permission themselves.
 */
export const cloneRole = access.command("cloneRole", {
  http: "POST /api/v1/iam/roles/:roleId/clone",
  summary: "Clone a role.",
  allow: scoped({ tenant: "Organization.ManageRoles", internal: "InternalRole.Manage" }),
  audit: { action: "Role.Cloned", category: "Security", severity: "Warning", entity: "Role" },
  absent: RoleNotFound,
  status: 201,
  versioned: true,
  input: Type.Object({ roleId: Uuid, name: Name, description: Type.Optional(nullable(Description)) }),
  output: Role,
  errors: [RoleNotFound, RoleNameTaken, PermissionNotHeld, QuotaExceeded],
  tenant: tenantOfRole,
  async prepare({ reading, requireHeld, fail }, { roleId }) {
    const { role, given } = await reading(async (store) => {
      const found = (await store.roleById(roleId)) ?? fail(RoleNotFound);
      return { role: found, given: (await representOne(store, found)).permissions };
    });
    await requireHeld(role.organization_id, given, { error: PermissionNotHeld, field: "roleId" });
    return given;
  },
  async run({ store, emit, fail, audit, now, services }, { roleId, name, description }, given) {
    requireVisible(name);
    const source = (await store.lockRole(roleId)) ?? fail(RoleNotFound);
    const organizationId = source.organization_id;
    if (organizationId !== null)
      requireWithinQuota("roles", (await store.rolesForQuota(organizationId)) + 1, services.settings.quotas.roles);
    const row = await store
      .insertRole({
        id: uuid(),
        name,
        description: description === undefined ? source.description : description,
        scope: source.scope,
        organization_id: organizationId,
        is_system_role: false,
        created_at: now,
        updated_at: now,
      })
      .catch((error: unknown) => {
        const index = violatedUnique(error);
        if (index !== undefined) fail(RoleNameTaken, { field: "name", ...takenRule(index) });
        throw error;
      });
    if (source.is_system_role) {
      const definitions = await store.permissionsByValue(given);
      await store.addRolePermissions(
        row,
        definitions.map(({ id }) => id),
      );
    } else await store.copyRules(source.id, row.id, row.organization_id);
    const clone = await representOne(store, row);
    // The source may have got further permissions since they were checked.
    if (clone.permissions.some((value) => !given.includes(value))) fail(PermissionNotHeld, { field: "roleId", rule: "held" });
    audit({ entity: { type: "Role", id: row.id }, before: null, after: { clonedFrom: source.id, permissions: clone.permissions } });
    const about = { roleId: row.id, organizationId: row.organization_id };
    emit(RoleCreated, { ...about, name: row.name, scope: row.scope });
    emit(PermissionAddedToRole, { ...about, permissions: [...clone.permissions] });
    return clone;
  },
});
