import { ServiceStatusChanged } from "#modules/authorization/access/index.ts";
import { MemberRemoved } from "#modules/organization/tenancy/index.ts";
import type { Consumer } from "#platform/log/consumers/consumer.ts";
import { apiKeyStore } from "./store.ts";

/** The erasure of an organization removes a thousand members at once; a batch of them is one statement. */
const eventsAtOnce = 500;

/**
 * Revokes keys whose owner was removed. Authentication refuses them from the removal on, because it reads the owner. The revocation keeps them
 * refused if the user becomes a member again.
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
