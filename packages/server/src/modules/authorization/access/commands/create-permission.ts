import { v7 as uuid } from "uuid";
import { internal } from "#operation/declaration/authorization.ts";
import { Description, nullable, Type } from "#operation/declaration/schema.ts";
import { violatedUnique } from "#platform/database/driver-errors.ts";
import { takenRule } from "#platform/names/stored-keys.ts";
import { ParentNotFound, PermissionTaken, ScopeMismatch } from "../errors.ts";
import { PermissionDefined } from "../events.ts";
import { AccessScope, Permission, PermissionValue, parentByName } from "../model.ts";
import { access } from "../module.ts";
import { toPermission } from "../store.ts";

/**
 * Defines a permission. Without `parent` its parent is the permission with its name's prefix, if that is defined: `Product` for
 * `Product.Create`. With `parent: null` it is a root.
 */
export const createPermission = access.command("createPermission", {
  http: "POST /api/v1/iam/permissions",
  summary: "Define a permission.",
  allow: internal("Permission.Manage"),
  audit: { action: "Permission.Created", category: "Security", severity: "Critical", entity: "Permission" },
  status: 201,
  versioned: true,
  input: Type.Object({
    value: PermissionValue,
    description: Type.Optional(nullable(Description)),
    scope: AccessScope,
    parent: Type.Optional(nullable(PermissionValue)),
  }),
  output: Permission,
  errors: [PermissionTaken, ParentNotFound, ScopeMismatch],
  async run({ store, emit, fail, now }, input) {
    await store.lockTree();
    const parentValue = input.parent === undefined ? parentByName(input.value) : (input.parent ?? undefined);
    const [parent] = parentValue === undefined ? [] : await store.permissionsByValue([parentValue]);
    if (input.parent && !parent) fail(ParentNotFound, { field: "parent" });
    if (parent && parent.scope !== input.scope) fail(ScopeMismatch, { field: "scope", rule: "same_as_parent" });
    const id = uuid();
    try {
      await store.insertPermission({
        id,
        value: input.value,
        description: input.description ?? null,
        scope: input.scope,
        parent_permission_id: parent?.id ?? null,
        is_system_permission: false,
        created_at: now,
        updated_at: now,
      });
    } catch (error) {
      const index = violatedUnique(error);
      if (index !== undefined) fail(PermissionTaken, { field: "value", ...takenRule(index) });
      throw error;
    }
    emit(PermissionDefined, { permissionId: id, value: input.value, scope: input.scope, parent: parent?.value ?? null });
    const row = await store.permissionById(id);
    return toPermission(row as NonNullable<typeof row>);
  },
});
