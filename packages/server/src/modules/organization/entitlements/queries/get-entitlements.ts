import { either, internal, permission } from "#operation/declaration/authorization.ts";
import { Type, Uuid } from "#operation/declaration/schema.ts";
import { SubscriptionNotFound } from "../errors.ts";
import { Subscription } from "../model.ts";
import { entitlements } from "../module.ts";
import { toSubscription } from "../store.ts";

/** The entitlements of an organization, for its members and for internal administrators. */
export const getEntitlements = entitlements.query("getEntitlements", {
  http: "GET /api/v1/iam/organizations/:organizationId/entitlements",
  summary: "What an organization's plan includes.",
  allow: either(permission("Organization.Read"), internal("Tenant.Read")),
  absent: SubscriptionNotFound,
  versioned: true,
  input: Type.Object({ organizationId: Uuid }),
  output: Subscription,
  errors: [SubscriptionNotFound],
  async run({ store, uses, fail }, { organizationId }) {
    if ((await uses.tenancy.organizationStatus(organizationId)) === undefined) fail(SubscriptionNotFound);
    return toSubscription(organizationId, await store.subscription(organizationId));
  },
});
