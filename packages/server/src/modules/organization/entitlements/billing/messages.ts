import { Compile } from "typebox/compile";
import { nullable, type Static, Type, Uuid } from "#operation/declaration/schema.ts";
import { type Envelope, topicOf } from "#platform/broker/cloud-event.ts";
import { NonRetryableError } from "#platform/non-retryable-error.ts";
import { readTimestamp } from "#platform/timestamp.ts";
import { EntitlementValues } from "../model.ts";

const planId = Type.String({ minLength: 1, maxLength: 100 });
const subscription = { organizationId: Uuid, subscriptionId: Type.Optional(Type.String()) };

/** What billing says, by topic. Fields that are not known here are let be: billing may add to its events. */
const schemas = {
  "subscription.activated": Type.Object({
    ...subscription,
    planId: Type.Optional(nullable(planId)),
    entitlements: Type.Optional(EntitlementValues),
  }),
  "subscription.plan.changed": Type.Object({
    ...subscription,
    oldPlanId: Type.Optional(nullable(planId)),
    newPlanId: Type.Optional(nullable(planId)),
    entitlements: Type.Optional(EntitlementValues),
  }),
  "subscription.suspended": Type.Object(subscription),
  "subscription.deactivated": Type.Object(subscription),
  "tenant.data.deletion.requested": Type.Object({ tenantId: Uuid }),
} as const;

export const billingTopics = Object.keys(schemas);
const compiled = new Map(Object.entries(schemas).map(([topic, schema]) => [topic, Compile(schema)]));

/** What billing wants of an organization. A part that is not there stays as it is. */
export interface BillingWish {
  readonly organizationId: string;
  readonly status?: "Active" | "Suspended";
  readonly plan?: string | null;
  readonly entitlements?: Static<typeof EntitlementValues>;
  /** The event says that they changed and not what they are: billing is to be asked. */
  readonly entitlementsUnsaid?: true;
  readonly erase?: true;
}

/** Reads an event of billing. Throws {@link NonRetryableError} where it is not as S3 describes it: no other try would help. */
export function wishOf(event: Envelope): BillingWish {
  const topic = topicOf(event.type);
  const check = compiled.get(topic);
  if (check === undefined) throw new NonRetryableError(`${topic} is no event of billing`);
  if (!check.Check(event.data)) {
    const [issue] = check.Errors(event.data);
    throw new NonRetryableError(`the data of ${topic} is not right: ${issue?.instancePath || "/"} ${issue?.message ?? ""}`);
  }
  const data = event.data as Record<string, unknown>;
  if (topic === "tenant.data.deletion.requested") return { organizationId: String(data["tenantId"]).toLowerCase(), erase: true };
  const organizationId = String(data["organizationId"]).toLowerCase();
  if (topic === "subscription.suspended") return { organizationId, status: "Suspended" };
  if (topic === "subscription.deactivated") return { organizationId, status: "Suspended", plan: null, entitlements: {} };
  const plan = (data["newPlanId"] ?? data["planId"]) as string | null | undefined;
  return {
    organizationId,
    ...(topic === "subscription.activated" ? { status: "Active" as const } : {}),
    ...(plan === undefined ? {} : { plan }),
    ...(data["entitlements"] === undefined
      ? { entitlementsUnsaid: true as const }
      : { entitlements: data["entitlements"] as Static<typeof EntitlementValues> }),
  };
}

/** When it happened: what came earlier and happened later is not undone by it. */
export function timeOf({ time, type }: Envelope): string {
  const moment = time === undefined ? undefined : readTimestamp(time);
  if (moment === undefined) throw new NonRetryableError(`${type} does not say when it happened`);
  return moment;
}
