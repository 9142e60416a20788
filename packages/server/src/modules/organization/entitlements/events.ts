import { defineEvent } from "#operation/declaration/event.ts";
import { nullable, Timestamp, Type, Uuid } from "#operation/declaration/schema.ts";

export const SubscriptionChanged = defineEvent({
  type: "subscription.changed.v1",
  summary: "What an organization's plan includes changed.",
  subject: ["organization", "organizationId"],
  tenant: "organizationId",
  data: Type.Object({ organizationId: Uuid, plan: nullable(Type.String()) }),
});

/** A permanent failure: a retry does not help. */
export const SubscriptionSyncFailed = defineEvent({
  type: "subscription-sync.failed.v1",
  summary: "A change of an organization in billing could not be applied.",
  subject: ["organization", "organizationId"],
  tenant: "organizationId",
  data: Type.Object({ organizationId: Uuid, messageId: Type.String(), reason: Type.String(), occurredAt: Timestamp }),
});

export const events = [SubscriptionChanged, SubscriptionSyncFailed];
