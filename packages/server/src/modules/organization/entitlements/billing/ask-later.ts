import type { InternalDispatch } from "#operation/kernel/internal-dispatch.ts";
import type { Job, JobName } from "#platform/jobs/jobs.ts";
import type { Platform } from "#platform/platform.ts";
import { followBilling } from "../commands/follow-billing.ts";
import { askBilling } from "./client.ts";

interface AskLater {
  readonly organizationId: string;
}

export const askLaterJob: JobName<AskLater> = { name: "entitlements.ask-billing" };

/**
 * Asks billing for what a message left unsaid while billing was away, and follows its answer as of now. Tried as long as the queue does;
 * the hourly comparison finds what is left.
 */
export const askLater = (platform: Platform, dispatch: InternalDispatch): Job<AskLater> => ({
  ...askLaterJob,
  async handle({ organizationId }) {
    const { billing } = platform.settings;
    if (billing === undefined) return;
    const askedAt = new Date(platform.clock.now()).toISOString();
    const answer = await askBilling(billing, organizationId, platform.resilience);
    if (answer === undefined) return;
    const { status, planId, entitlements } = answer;
    await dispatch(followBilling, {
      organizationId,
      messageId: `question ${askedAt} ${organizationId}`,
      occurredAt: askedAt,
      status: status === "active" ? "Active" : "Suspended",
      plan: planId,
      entitlements,
    });
  },
});
