import { internal } from "#operation/declaration/authorization.ts";
import { Description, nullable, Type, Uuid } from "#operation/declaration/schema.ts";
import { ParentCycle, ParentNotFound, PermissionNotFound, ScopeMismatch, SystemPermission } from "../errors.ts";
import { PermissionUpdated } from "../events.ts";
import { Permission, PermissionValue } from "../model.ts";
import { access } from "../module.ts";
import { toPermission } from "../store.ts";

/** Changes a permission's description or parent. Its value, the name, cannot be changed. */
export const updatePermission = access.command("updatePermission", {
  http: "PUT /api/v1/iam/permissions/:permissionId",
  summary: "Update a permission definition.",
  allow: internal("Permission.Manage"),
  audit: { action: "Permission.Updated", category: "Security", severity: "Critical", entity: "Permission" },
  versioned: true,
  input: Type.Object(
    {
      permissionId: Uuid,
      description: Type.Optional(nullable(Description)),
      parent: Type.Optional(nullable(PermissionValue)),
    },
    { minProperties: 2 },
  ),
  output: Permission,
  errors: [PermissionNotFound, SystemPermission, ParentNotFound, ParentCycle, ScopeMismatch],
  async run({ store, emit, fail, audit, expectVersion, now }, input) {
    await store.lockTree();
    const row = (await store.permissionById(input.permissionId)) ?? fail(PermissionNotFound);
    if (row.is_system_permission) fail(SystemPermission);
    expectVersion(row.version);
    const parentValue = input.parent === undefined ? row.parent : input.parent;
    const [parent] = parentValue === null ? [] : await store.permissionsByValue([parentValue]);
    if (parentValue !== null && !parent) fail(ParentNotFound, { field: "parent" });
    if (parent && parent.scope !== row.scope) fail(ScopeMismatch, { field: "parent", rule: "same_scope" });
    if (parent && (await store.isBelow(parent.id, row.id))) fail(ParentCycle, { field: "parent", rule: "cycle" });
    const description = input.description === undefined ? row.description : input.description;
    audit({ before: { description: row.description, parent: row.parent }, after: { description, parent: parentValue } });
    await store.updatePermission(row.id, { description, parentId: parent?.id ?? null }, now);
    emit(PermissionUpdated, { permissionId: row.id, value: row.value, scope: row.scope, parent: parentValue, previousParent: row.parent });
    const updated = await store.permissionById(row.id);
    return toPermission(updated as NonNullable<typeof updated>);
  },
});
