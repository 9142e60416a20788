import { nameKey } from "#platform/names/name-key.ts";
import type { KeyColumn } from "#platform/names/stored-keys.ts";

/** One name for all that look alike, in an organization or in the internal scope. */
export const serviceAccountNames: KeyColumn<"name_key"> = {
  table: "service_accounts",
  of: "name",
  key: "name_key",
  scope: "organization_id",
  keyOf: nameKey,
};
