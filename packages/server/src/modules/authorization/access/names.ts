import { nameKey } from "#platform/names/name-key.ts";
import type { KeyColumn } from "#platform/names/stored-keys.ts";

/** Role names that look alike count as equal, in an organization or in the internal scope. System roles have precedence. */
export const roleNames: KeyColumn<"name_key"> = {
  table: "roles",
  of: "name",
  key: "name_key",
  scope: "organization_id",
  first: "is_system_role",
  keyOf: nameKey,
};

/** Permission values that look alike count as equal, in the whole installation. */
export const permissionValues: KeyColumn<"value_key"> = {
  table: "permission_definitions",
  of: "value",
  key: "value_key",
  first: "is_system_permission",
  keyOf: nameKey,
};
