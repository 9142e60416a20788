import type { InternalDispatch } from "#operation/kernel/internal-dispatch.ts";
import type { Job, JobName } from "#platform/jobs/jobs.ts";
import type { Platform } from "#platform/platform.ts";
import { followBilling } from "../commands/follow-billing.ts";
import { fetchFromBilling } from "./client.ts";

interface FetchPayload {
  readonly organizationId: string;
}

export const fetchEntitlementsJob: JobName<FetchPayload> = { name: "entitlements.ask-billing" };

/**
 * Fetches an organization's entitlements for a message without them that arrived while billing was unavailable, and applies them as of
 * now. The queue's retry schedule applies; the hourly reconciliation covers the rest.
 */
export const fetchEntitlements = (platform: Platform, dispatch: InternalDispatch): Job<FetchPayload> => ({
  ...fetchEntitlementsJob,
  async handle({ organizationId }) {
    const { billing } = platform.settings;
    if (billing === undefined) return;
    const fetchedAt = new Date(platform.clock.now()).toISOString();
    const answer = await fetchFromBilling(billing, organizationId, platform.resilience);
    if (answer === undefined) return;
    const { status, planId, entitlements } = answer;
    await dispatch(followBilling, {
      organizationId,
      messageId: `question ${fetchedAt} ${organizationId}`,
      occurredAt: fetchedAt,
      status: status === "active" ? "Active" : "Suspended",
      plan: planId,
      entitlements,
    });
  },
});
