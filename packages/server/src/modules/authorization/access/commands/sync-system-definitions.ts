import { v7 as uuid } from "uuid";
import { operatorOnly } from "#operation/declaration/authorization.ts";
import { Nothing, Type } from "#operation/declaration/schema.ts";
import { PermissionDefined, RoleCreated } from "../events.ts";
import { type AccessScope, parentByName } from "../model.ts";
import { access } from "../module.ts";
import { systemPermissions, systemRoles } from "../system.ts";

/**
 * Creates the missing system permissions and internal system roles of this release. Runs at each start, so that a new permission needs no
 * schema step. Existing definitions stay unchanged.
 */
export const syncSystemDefinitions = access.command("syncSystemDefinitions", {
  summary: "Define the product's own permissions and roles that are missing.",
  allow: operatorOnly(),
  audit: { action: "SystemDefinitions.Synchronized", category: "System", severity: "Info" },
  everyTenant: "system definitions belong to the internal scope and to no tenant",
  input: Type.Object({}),
  output: Nothing,
  async run({ store, emit, now }) {
    await store.lockTree();
    const wanted = Object.entries(systemPermissions).flatMap(([scope, list]) =>
      list.map((one) => ({ ...one, scope: scope as AccessScope })),
    );
    const ids = new Map((await store.permissionsByValue(wanted.map(({ value }) => value))).map((row) => [row.value, row.id]));
    for (const { value, description, scope } of wanted.filter((one) => !ids.has(one.value))) {
      const id = uuid();
      const parent = parentByName(value);
      await store.insertPermission({
        id,
        value,
        description,
        scope,
        parent_permission_id: (parent === undefined ? undefined : ids.get(parent)) ?? null,
        is_system_permission: true,
        created_at: now,
        updated_at: now,
      });
      ids.set(value, id);
      emit(PermissionDefined, { permissionId: id, value, scope, parent: parent ?? null });
    }
    for (const role of systemRoles.filter(({ scope }) => scope === "Internal")) {
      if (await store.systemRole(role.name, null)) continue;
      const { name, description, scope } = role;
      const row = await store.insertRole({
        id: uuid(),
        name,
        description,
        scope,
        organization_id: null,
        is_system_role: true,
        created_at: now,
        updated_at: now,
      });
      emit(RoleCreated, { roleId: row.id, organizationId: null, name, scope });
    }
    return null;
  },
});
