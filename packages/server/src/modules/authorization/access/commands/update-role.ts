import { scoped } from "#operation/declaration/authorization.ts";
import { Description, Name, nullable, Type, Uuid } from "#operation/declaration/schema.ts";
import { requireVisible } from "#operation/declaration/visible-name.ts";
import { violatedUnique } from "#platform/database/driver-errors.ts";
import { takenRule } from "#platform/names/stored-keys.ts";
import { RoleNameTaken, RoleNotFound, SystemRole } from "../errors.ts";
import { RoleUpdated } from "../events.ts";
import { Role } from "../model.ts";
import { access } from "../module.ts";
import { representOne } from "../represent.ts";
import { tenantOfRole } from "../role-tenant.ts";

/** Changes a role's name or description. */
export const updateRole = access.command("updateRole", {
  http: "PUT /api/v1/iam/roles/:roleId",
  summary: "Update a role.",
  allow: scoped({ tenant: "Organization.ManageRoles", internal: "InternalRole.Manage" }),
  audit: { action: "Role.Updated", category: "Security", severity: "Info", entity: "Role" },
  absent: RoleNotFound,
  versioned: true,
  input: Type.Object({ roleId: Uuid, name: Type.Optional(Name), description: Type.Optional(nullable(Description)) }, { minProperties: 2 }),
  output: Role,
  errors: [RoleNotFound, SystemRole, RoleNameTaken],
  tenant: tenantOfRole,
  async run({ store, emit, fail, audit, expectVersion, now }, input) {
    requireVisible(input.name);
    const row = (await store.lockRole(input.roleId)) ?? fail(RoleNotFound);
    if (row.is_system_role) fail(SystemRole);
    expectVersion(row.version);
    const change = { name: input.name ?? row.name, description: input.description === undefined ? row.description : input.description };
    audit({ before: { name: row.name, description: row.description }, after: change });
    try {
      const updated = await store.updateRole(row.id, change, now);
      emit(RoleUpdated, { roleId: row.id, organizationId: row.organization_id, name: updated.name, scope: row.scope });
      return await representOne(store, updated);
    } catch (error) {
      const index = violatedUnique(error);
      if (index !== undefined) fail(RoleNameTaken, { field: "name", ...takenRule(index) });
      throw error;
    }
  },
});
