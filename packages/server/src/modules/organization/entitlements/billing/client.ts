import { Compile } from "typebox/compile";
import { nullable, oneOf, type Static, Type } from "#operation/declaration/schema.ts";
import { readJson } from "#platform/json.ts";
import type { Guard, Resilience } from "#platform/resilience/resilience.ts";
import type { Settings } from "#platform/settings.ts";
import { EntitlementValues } from "../model.ts";

/** Billing's answer for an organization (decision 0024). */
const Answer = Type.Object({
  status: oneOf("active", "suspended", "inactive"),
  planId: nullable(Type.String({ maxLength: 100 })),
  entitlements: EntitlementValues,
  /** Whether billing requests the deletion of its data. Default: false (decision 0030). */
  deletionRequested: Type.Optional(Type.Boolean()),
});
export type BillingAnswer = Static<typeof Answer>;
const check = Compile(Answer);

/** Created at start where billing is configured, so that its circuit breaker has metrics before the first call. */
export const billingGuard = (resilience: Resilience): Guard => resilience.guard("billing.api", "billing");

/**
 * Fetches an organization from billing, under the policy "billing.api". Undefined where billing does not know it. Throws `Unavailable`
 * where billing does not answer.
 */
export function fetchFromBilling(
  { url, token }: NonNullable<Settings["billing"]>,
  organizationId: string,
  resilience: Resilience,
): Promise<BillingAnswer | undefined> {
  return billingGuard(resilience)(async (signal) => {
    const response = await fetch(`${url.replace(/\/$/, "")}/organizations/${organizationId}/entitlements`, {
      headers: { accept: "application/json", ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
      signal,
      redirect: "error",
    });
    if (response.status === 404) return undefined;
    if (!response.ok) throw new Error(`billing answered ${response.status}`);
    const answer: unknown = readJson(await response.text());
    if (!check.Check(answer)) throw new Error("billing's answer is not as decision 0024 describes it");
    return answer;
  });
}
