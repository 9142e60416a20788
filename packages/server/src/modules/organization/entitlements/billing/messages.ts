import { Compile } from "typebox/compile";
import { nullable, type Static, Type, Uuid } from "#operation/declaration/schema.ts";
import { type Envelope, topicOf } from "#platform/broker/cloud-event.ts";
import { NonRetryableError } from "#platform/non-retryable-error.ts";
import { readTimestamp } from "#platform/timestamp.ts";
import { EntitlementValues } from "../model.ts";

const planId = Type.String({ minLength: 1, maxLength: 100 });
const subscription = { organizationId: Uuid, subscriptionId: Type.Optional(Type.String()) };

/** The data of billing's events, by topic. Unknown fields are accepted: billing may add fields. */
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

/** The change of an organization in one of billing's events. Absent fields do not change. */
export interface BillingChange {
  readonly organizationId: string;
  readonly status?: "Active" | "Suspended";
  readonly plan?: string | null;
  readonly entitlements?: Static<typeof EntitlementValues>;
  /** The entitlements changed, but the event does not have them: they must be fetched from billing. */
  readonly entitlementsMissing?: true;
  readonly erase?: true;
}

/** Parses an event of billing. Throws {@link NonRetryableError} where it does not match its schema: no retry would help. */
export function changeOf(event: Envelope): BillingChange {
  const topic = topicOf(event.type);
  const check = compiled.get(topic);
  if (check === undefined) throw new NonRetryableError(`${topic} is no event of billing`);
  if (!check.Check(event.data)) {
    const [issue] = check.Errors(event.data);
    throw new NonRetryableError(`the data of ${topic} is not valid: ${issue?.instancePath || "/"} ${issue?.message ?? ""}`);
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
      ? { entitlementsMissing: true as const }
      : { entitlements: data["entitlements"] as Static<typeof EntitlementValues> }),
  };
}

/** When the event occurred: an event must not override a later one that arrived earlier. */
export function timeOf({ time, type }: Envelope): string {
  const moment = time === undefined ? undefined : readTimestamp(time);
  if (moment === undefined) throw new NonRetryableError(`${type} has no valid time`);
  return moment;
}
