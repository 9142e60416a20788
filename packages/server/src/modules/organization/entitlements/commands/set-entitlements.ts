import { internal } from "#operation/declaration/authorization.ts";
import { nullable, Type, Uuid } from "#operation/declaration/schema.ts";
import { SubscriptionNotFound } from "../errors.ts";
import { SubscriptionChanged } from "../events.ts";
import { EntitlementValues, Subscription } from "../model.ts";
import { entitlements } from "../module.ts";
import { toSubscription } from "../store.ts";

/** Replaces the plan and the entitlements of an organization. */
export const setEntitlements = entitlements.command("setEntitlements", {
  http: "PUT /api/v1/iam/organizations/:organizationId/entitlements",
  summary: "Set what an organization's plan includes.",
  allow: internal("Tenant.SetEntitlements"),
  audit: { action: "Organization.EntitlementsSet", category: "Business", severity: "Info", entity: "Organization" },
  versioned: true,
  input: Type.Object({
    organizationId: Uuid,
    plan: Type.Optional(nullable(Type.String({ minLength: 1, maxLength: 100 }))),
    entitlements: EntitlementValues,
  }),
  output: Subscription,
  errors: [SubscriptionNotFound],
  async run({ store, uses, emit, fail, audit, expectVersion, now }, { organizationId, plan = null, entitlements: values }) {
    if ((await uses.tenancy.organizationStatus(organizationId)) === undefined) fail(SubscriptionNotFound);
    const before = await store.subscription(organizationId);
    expectVersion(before?.version ?? 0);
    audit({ before: before ? { plan: before.plan, entitlements: before.entitlements } : null, after: { plan, entitlements: values } });
    const row = await store.setSubscription(organizationId, plan, values, now);
    await uses.access.setEntitlements(organizationId, values);
    emit(SubscriptionChanged, { organizationId, plan });
    return toSubscription(organizationId, row);
  },
});
