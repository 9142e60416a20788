import { eraseOrganization } from "#modules/organization/tenancy/index.ts";
import type { InternalDispatch } from "#operation/kernel/internal-dispatch.ts";
import type { Job, JobName } from "#platform/jobs/jobs.ts";
import type { Platform } from "#platform/platform.ts";
import { withdrawDeletion } from "../commands/withdraw-deletion.ts";
import { listDueDeletions } from "../queries/list-due-deletions.ts";
import { askBilling } from "./client.ts";

export const deletionsJob: JobName<object> = { name: "entitlements.delete-confirmed" };

/** Over a day: a flood that is spread out over an hour is a flood. */
const windowHours = 24;
/** However few organizations there are, so many may go within the window. */
const alwaysAllowed = 3;
/** Asked about in one run; what is left is due at the next. */
const page = 200;

/**
 * Erases organizations that billing wanted deleted, once their delay is over and billing says so still. All are asked about before
 * anything is erased. Where more would go within a day than the configured share, none does: it takes a person to let them (decision 0030).
 */
export const deleteConfirmedWork = (platform: Platform, dispatch: InternalDispatch): Job<object> => ({
  ...deletionsJob,
  schedule: "*/10 * * * *",
  handle: () => deleteConfirmed(platform, dispatch),
});

export async function deleteConfirmed(platform: Platform, dispatch: InternalDispatch): Promise<void> {
  const { metrics, resilience, settings } = platform;
  const { billing } = settings;
  if (billing === undefined) return;
  const logger = platform.logger.child({ module: "billing" });
  const { output: due } = await dispatch(listDueDeletions, { limit: page, erasedWithinHours: windowHours });
  const allowed = Math.max(alwaysAllowed, Math.floor(((due.present + due.erased) * billing.deletionPercentMax) / 100));
  const confirmed: string[] = [];
  for (const organizationId of due.organizationIds) {
    const answer = await askBilling(billing, organizationId, resilience);
    if (answer?.deletionRequested === true) confirmed.push(organizationId);
    else {
      await dispatch(withdrawDeletion, { organizationId });
      metrics.billingDeletions.inc({ outcome: "withdrawn" });
      logger.warn({ organizationId }, "billing does not want the organization deleted any more; it stays");
    }
  }
  if (confirmed.length === 0) return;
  if (due.erased + confirmed.length > allowed) {
    metrics.billingDeletions.inc({ outcome: "stopped" });
    const numbers = { due: confirmed.length, erasedWithinDay: due.erased, allowed, organizations: due.present };
    logger.error(numbers, "billing would have too many organizations deleted within a day; none is deleted");
    return;
  }
  for (const organizationId of confirmed) {
    await dispatch(eraseOrganization, { organizationId });
    // Followed: the organization is gone from now on, while a job removes its data, and is not counted as due again meanwhile.
    await dispatch(withdrawDeletion, { organizationId });
    metrics.billingDeletions.inc({ outcome: "erased" });
    logger.warn({ organizationId }, "the organization is erased, as billing had asked");
  }
}
