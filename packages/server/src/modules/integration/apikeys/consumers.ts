import { ServiceStatusChanged } from "#modules/authorization/access/index.ts";
import { MemberRemoved } from "#modules/organization/tenancy/index.ts";
import type { Consumer } from "#platform/log/consumers/consumer.ts";
import { apiKeyStore } from "./store.ts";

/** An erased organization has a thousand members removed at once; a batch of them is one statement. */
const eventsAtOnce = 500;

/**
 * Revokes keys whose owner was removed. They are refused from the removal on, because the owner is looked up; a revoked key also stays
 * refused when the owner comes back.
 */
export const revokeKeysOfRemovedOwners = (): Consumer => ({
  name: "apikeys.revoke-with-owner",
  types: [MemberRemoved.type, ServiceStatusChanged.type],
  batch: eventsAtOnce,
  async handle(events, tx) {
    await apiKeyStore.writes(tx).revokeOfRemoved(
      events.flatMap(({ type, data, organizationId, occurredAt }) => {
        if (type === ServiceStatusChanged.type && data["status"] !== "Deleted") return [];
        const owner = data[type === MemberRemoved.type ? "userId" : "serviceId"] as string;
        return [{ owner_id: owner, organization_id: organizationId, removed_at: occurredAt.toISOString() }];
      }),
    );
  },
});
