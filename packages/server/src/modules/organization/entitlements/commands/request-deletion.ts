import { operatorOnly } from "#operation/declaration/authorization.ts";
import { oneOf, Timestamp, Type, Uuid } from "#operation/declaration/schema.ts";
import { DeletionNotConfirmed, EventInTheFuture } from "../errors.ts";
import { SubscriptionSyncFailed } from "../events.ts";
import { entitlements } from "../module.ts";

/**
 * Records billing's request to delete an organization, which is executed after a delay (decision 0030). `confirmed` is the answer of
 * billing's API. Where the API was unavailable, it is called when the delay has expired.
 */
export const requestDeletion = entitlements.command("requestDeletion", {
  summary: "Record billing's request to delete an organization.",
  allow: operatorOnly(),
  audit: { action: "Organization.DeletionRequested", category: "Security", severity: "Critical", entity: "Organization" },
  input: Type.Object({
    organizationId: Uuid,
    messageId: Type.String({ minLength: 1, maxLength: 1_000 }),
    occurredAt: Timestamp,
    confirmed: oneOf("yes", "no", "unknown"),
    delayHours: Type.Integer({ minimum: 0 }),
  }),
  output: Type.Object({ applied: Type.Boolean() }),
  errors: [DeletionNotConfirmed, EventInTheFuture],
  async run({ store, uses, emit, audit, fail, now }, { organizationId, messageId, occurredAt, confirmed, delayHours }) {
    audit({ entity: { type: "Organization", id: organizationId } });
    if (await store.isAhead(new Date(occurredAt))) fail(EventInTheFuture);
    if (!(await store.receive(messageId, now))) return { applied: false };
    if ((await uses.tenancy.organizationStatus(organizationId)) === undefined) {
      // A repeated request for an organization that was erased is no failure.
      if (!(await uses.tenancy.isErased(organizationId))) {
        emit(SubscriptionSyncFailed, { organizationId, messageId, reason: "organization_unknown", occurredAt });
      }
      return { applied: false };
    }
    if (confirmed === "no") fail(DeletionNotConfirmed);
    await store.requestDeletion(organizationId, messageId, delayHours);
    return { applied: true };
  },
});
