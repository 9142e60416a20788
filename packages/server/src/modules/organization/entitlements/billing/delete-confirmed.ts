import { eraseOrganization } from "#modules/organization/tenancy/index.ts";
import type { InternalDispatch } from "#operation/kernel/internal-dispatch.ts";
import type { Job, JobName } from "#platform/jobs/jobs.ts";
import type { Platform } from "#platform/platform.ts";
import { withdrawDeletion } from "../commands/withdraw-deletion.ts";
import { listDueDeletions } from "../queries/list-due-deletions.ts";
import { fetchFromBilling } from "./client.ts";

export const deletionsJob: JobName<object> = { name: "entitlements.delete-confirmed" };

/** A window of a day, so that a mass deletion cannot be spread over a few hours. */
const windowHours = 24;
/** So many may be deleted within the window, however few organizations there are. */
const allowedMin = 3;
/** The most organizations of one run; the others are due in the next. */
const page = 200;

/**
 * Erases organizations whose deletion billing requested, once the delay has expired and billing's API confirms the request again. Confirms
 * all of them before it erases any. Where more than the configured share would be deleted within a day, none is: an operator must
 * intervene (decision 0030).
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
  const allowed = Math.max(allowedMin, Math.floor(((due.present + due.erased) * billing.deletionPercentMax) / 100));
  const confirmed: string[] = [];
  for (const organizationId of due.organizationIds) {
    const answer = await fetchFromBilling(billing, organizationId, resilience);
    if (answer?.deletionRequested === true) confirmed.push(organizationId);
    else {
      await dispatch(withdrawDeletion, { organizationId });
      metrics.billingDeletions.inc({ outcome: "withdrawn" });
      logger.warn({ organizationId }, "billing no longer requests the deletion of the organization; it is not deleted");
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
    // The organization is inaccessible from now on and a job removes its data: the request must not be due again.
    await dispatch(withdrawDeletion, { organizationId });
    metrics.billingDeletions.inc({ outcome: "erased" });
    logger.warn({ organizationId }, "the organization is erased, as billing requested");
  }
}
