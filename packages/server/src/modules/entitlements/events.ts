import { defineEvent } from "../../operation/event.ts";
import { nullable, Type, Uuid } from "../../operation/schema.ts";

export const SubscriptionChanged = defineEvent({
  type: "subscription.changed.v1",
  says: "What an organization's plan includes changed.",
  subject: ["organization", "organizationId"],
  tenant: "organizationId",
  data: Type.Object({ organizationId: Uuid, plan: nullable(Type.String()) }),
});

export const events = [SubscriptionChanged];
