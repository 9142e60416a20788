import { nameKey } from "#platform/names/name-key.ts";
import type { KeyColumn } from "#platform/names/stored-keys.ts";

/** The uniqueness key of service account names in their scope: names that look alike have the same key. */
export const serviceAccountNames: KeyColumn<"name_key"> = {
  table: "service_accounts",
  of: "name",
  key: "name_key",
  scope: "organization_id",
  keyOf: nameKey,
};
