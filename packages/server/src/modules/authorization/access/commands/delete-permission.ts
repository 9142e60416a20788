import type { AuthorizationModel } from "@gatehouse/policy";
import { internal } from "#operation/declaration/authorization.ts";
import { Nothing, Type, Uuid } from "#operation/declaration/schema.ts";
import { violatedReference } from "#platform/database/driver-errors.ts";
import { PermissionInUse, PermissionNotFound, SystemPermission } from "../errors.ts";
import { PermissionDeleted } from "../events.ts";
import { access } from "../module.ts";

const namesPermission = ({ resourceTypes = {}, requirements = {} }: AuthorizationModel, value: string): boolean =>
  Object.hasOwn(requirements, value) || Object.values(resourceTypes).some(({ permissions = {} }) => Object.hasOwn(permissions, value));

/** Deletes a permission that no role has, that the authorization model does not name, and that has no child. */
export const deletePermission = access.command("deletePermission", {
  http: "DELETE /api/v1/iam/permissions/:permissionId",
  summary: "Delete a permission definition that is not in use.",
  allow: internal("Permission.Manage"),
  audit: { action: "Permission.Deleted", category: "Security", severity: "Critical", entity: "Permission" },
  versioned: true,
  everyTenant: "a permission is in use if a role of any organization has it",
  input: Type.Object({ permissionId: Uuid }),
  output: Nothing,
  errors: [PermissionNotFound, SystemPermission, PermissionInUse],
  async run({ store, emit, fail, audit, expectVersion }, { permissionId }) {
    await store.lockTree();
    const row = (await store.permissionById(permissionId)) ?? fail(PermissionNotFound);
    if (row.is_system_permission) fail(SystemPermission);
    expectVersion(row.version);
    if (namesPermission((await store.currentModel()).document, row.value)) fail(PermissionInUse, { rule: "authorization_model" });
    audit({ before: { value: row.value, description: row.description, scope: row.scope, parent: row.parent }, after: null });
    try {
      await store.deletePermission(row.id);
    } catch (error) {
      if (violatedReference(error) !== undefined) fail(PermissionInUse);
      throw error;
    }
    emit(PermissionDeleted, { permissionId: row.id, value: row.value, scope: row.scope, parent: row.parent });
    return null;
  },
});
