import { either, own, type Rule, scoped } from "#operation/declaration/authorization.ts";
import type { PrepareContextOf } from "#operation/declaration/contexts-of.ts";
import { tenantOfRow } from "#operation/declaration/tenant-of-row.ts";
import { ApiKeyNotFound } from "./errors.ts";
import type { apikeys } from "./module.ts";
import type { ApiKeyReads } from "./store.ts";

/** The user whose key it is, and holders of the permission to read keys. */
export const ownOrReadable: Rule = either(own("API key"), scoped({ tenant: "Organization.ReadApiKeys", internal: "ApiKey.Read" }));
/** The user whose key it is, and holders of the permission to manage keys. */
export const ownOrManaged: Rule = either(own("API key"), scoped({ tenant: "Organization.ManageApiKeys", internal: "ApiKey.Manage" }));

/** A call that names a key acts in the tenant of the key. */
export const tenantOfKey = tenantOfRow((store: ApiKeyReads, id) => store.byId(id), "apiKeyId", ApiKeyNotFound);

/** The user whose key it is; undefined for a key of a service account. */
export async function ownerOfKey(
  { reading }: Pick<PrepareContextOf<typeof apikeys>, "reading">,
  { apiKeyId }: { readonly apiKeyId: string },
): Promise<string | undefined> {
  const row = await reading((store) => store.byId(apiKeyId));
  return row?.owner_kind === "user" ? row.owner_id : undefined;
}
