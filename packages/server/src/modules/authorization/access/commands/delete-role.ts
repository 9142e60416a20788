import { scoped } from "#operation/declaration/authorization.ts";
import { Nothing, Type, Uuid } from "#operation/declaration/schema.ts";
import { violatedReference } from "#platform/database/driver-errors.ts";
import { RoleInUse, RoleNotFound, SystemRole } from "../errors.ts";
import { RoleDeleted } from "../events.ts";
import { access } from "../module.ts";
import { representOne } from "../represent.ts";
import { revokeSomeGrants } from "../revoke-subject.ts";
import { tenantOfRole } from "../role-tenant.ts";

/** Deletes a role that no user has and no open invitation offers. Revokes its grants. */
export const deleteRole = access.command("deleteRole", {
  http: "DELETE /api/v1/iam/roles/:roleId",
  summary: "Delete a role that is not in use.",
  allow: scoped({ tenant: "Organization.ManageRoles", internal: "InternalRole.Manage" }),
  audit: { action: "Role.Deleted", category: "Security", severity: "Warning", entity: "Role" },
  absent: RoleNotFound,
  versioned: true,
  input: Type.Object({ roleId: Uuid }),
  output: Nothing,
  errors: [RoleNotFound, SystemRole, RoleInUse],
  tenant: tenantOfRole,
  inBatches: "tens of thousands of grants may name the role",
  async run({ store, emit, fail, audit, expectVersion, more }, { roleId }) {
    const row = (await store.lockRole(roleId)) ?? fail(RoleNotFound);
    if (row.is_system_role) fail(SystemRole);
    expectVersion(row.version);
    const { name, description, permissions } = await representOne(store, row);
    audit({ before: { name, description, permissions }, after: null });
    const grants = { organizationId: row.organization_id, subjectType: "role", subjectId: row.id };
    if ((await revokeSomeGrants({ store, emit }, grants)).more) {
      // Checked before the first grants are committed as revoked: a role in use must keep all of them.
      if (!(await store.isRoleFree(row.id))) fail(RoleInUse);
      more();
      return null;
    }
    try {
      await store.deleteRole(row.id);
    } catch (error) {
      if (violatedReference(error) !== undefined) fail(RoleInUse);
      throw error;
    }
    emit(RoleDeleted, { roleId: row.id, organizationId: row.organization_id, name: row.name, scope: row.scope });
    return null;
  },
});
