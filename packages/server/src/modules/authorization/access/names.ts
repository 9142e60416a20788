import { nameKey } from "#platform/names/name-key.ts";
import type { KeyColumn } from "#platform/names/stored-keys.ts";

/** One name for all that look alike, in an organization or in the internal scope; the product's own roles keep theirs. */
export const roleNames: KeyColumn<"name_key"> = {
  table: "roles",
  of: "name",
  key: "name_key",
  scope: "organization_id",
  first: "is_system_role",
  keyOf: nameKey,
};

/** The same of permissions, which are one vocabulary for all. */
export const permissionValues: KeyColumn<"value_key"> = {
  table: "permission_definitions",
  of: "value",
  key: "value_key",
  first: "is_system_permission",
  keyOf: nameKey,
};
