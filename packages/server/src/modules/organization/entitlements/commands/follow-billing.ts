import { OrganizationStatus } from "#modules/organization/tenancy/index.ts";
import { operatorOnly } from "#operation/declaration/authorization.ts";
import { nullable, Timestamp, Type, Uuid } from "#operation/declaration/schema.ts";
import { EventInTheFuture } from "../errors.ts";
import { SubscriptionChanged, SubscriptionSyncFailed } from "../events.ts";
import { EntitlementValues } from "../model.ts";
import { entitlements } from "../module.ts";

/**
 * Applies billing's state to an organization, once for each message and in the order of occurrence: a change older than the last applied
 * one is ignored. Called by the broker consumer and the reconciliation.
 */
export const followBilling = entitlements.command("followBilling", {
  summary: "Apply billing's state to an organization.",
  allow: operatorOnly(),
  audit: { action: "Organization.BillingFollowed", category: "Business", severity: "Info", entity: "Organization" },
  input: Type.Object({
    organizationId: Uuid,
    messageId: Type.String({ minLength: 1, maxLength: 1_000 }),
    occurredAt: Timestamp,
    status: Type.Optional(OrganizationStatus),
    plan: Type.Optional(nullable(Type.String({ maxLength: 100 }))),
    entitlements: Type.Optional(EntitlementValues),
  }),
  output: Type.Object({ applied: Type.Boolean() }),
  errors: [EventInTheFuture],
  async run({ store, uses, emit, audit, fail, now }, { organizationId, messageId, occurredAt, status, plan, entitlements: values }) {
    audit({ entity: { type: "Organization", id: organizationId } });
    if (await store.isAhead(new Date(occurredAt))) fail(EventInTheFuture);
    if (!(await store.receive(messageId, now))) return { applied: false };
    const oldStatus = await uses.tenancy.organizationStatus(organizationId);
    if (oldStatus === undefined) {
      // A late message for an erased organization is no failure.
      if (!(await uses.tenancy.isErased(organizationId))) {
        emit(SubscriptionSyncFailed, { organizationId, messageId, reason: "organization_unknown", occurredAt });
      }
      return { applied: false };
    }
    if (!(await store.advanceBilling(organizationId, new Date(occurredAt)))) return { applied: false };
    const before = await store.subscription(organizationId);
    const newPlan = plan === undefined ? (before?.plan ?? null) : plan;
    const newValues = values ?? before?.entitlements ?? {};
    audit({
      before: { status: oldStatus, plan: before?.plan ?? null, entitlements: before?.entitlements ?? {} },
      after: { status: status ?? oldStatus, plan: newPlan, entitlements: newValues },
    });
    if (status !== undefined) await uses.tenancy.setStatus(organizationId, status);
    if (plan !== undefined || values !== undefined) {
      await store.setSubscription(organizationId, newPlan, newValues, now);
      await uses.access.setEntitlements(organizationId, newValues);
      emit(SubscriptionChanged, { organizationId, plan: newPlan });
    }
    return { applied: true };
  },
});
