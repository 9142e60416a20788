import type { SessionFacts } from "#modules/foundation/identity/index.ts";
import type { ServiceAccountSummary } from "#modules/organization/serviceaccounts/index.ts";
import type { ApiKeyRow } from "./store.ts";

/** Reads of other modules about the owners of keys. */
export interface OwnerReads {
  readonly identity: { sessionFacts(userId: string): Promise<SessionFacts | undefined> };
  readonly serviceaccounts: { serviceAccount(id: string): Promise<ServiceAccountSummary | undefined> };
  readonly tenancy: { isMember(userId: string, organizationId: string): Promise<boolean> };
}

type OwnedKey = Pick<ApiKeyRow, "owner_kind" | "owner_id" | "organization_id">;

/** Whether the owner of a key is active and belongs to the organization of the key. Permissions are decided at each call. */
export async function isOwnerActive({ owner_kind, owner_id, organization_id }: OwnedKey, owners: OwnerReads): Promise<boolean> {
  if (owner_kind === "service") {
    const account = await owners.serviceaccounts.serviceAccount(owner_id);
    return account?.status === "Active" && account.organizationId === organization_id;
  }
  if ((await owners.identity.sessionFacts(owner_id))?.status !== "Active") return false;
  return organization_id === null || (await owners.tenancy.isMember(owner_id, organization_id));
}
