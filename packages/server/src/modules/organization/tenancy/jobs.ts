import type { InternalDispatch } from "#operation/kernel/internal-dispatch.ts";
import { scheduledJob } from "#operation/kernel/scheduled-job.ts";
import { horizonPasses } from "#operation/kernel/wait-for-revision.ts";
import type { Job, JobName } from "#platform/jobs/jobs.ts";
import type { Platform } from "#platform/platform.ts";
import { continueErasure } from "./commands/continue-erasure.ts";
import { expireInvitations } from "./commands/expire-invitations.ts";
import { listErasures } from "./queries/list-erasures.ts";

export const expireInvitationsJob: JobName<object> = { name: "tenancy.expire-invitations" };

export const expireInvitationsWork = (dispatch: InternalDispatch): Job<object> =>
  scheduledJob(dispatch, { ...expireInvitationsJob, operation: expireInvitations, schedule: "7 * * * *" });

export const eraseOrganizationsJob: JobName<object> = { name: "tenancy.erase-organizations" };

/**
 * How long a batch waits until the horizon has passed the previous one, so that the projection is at most one batch behind. Idle
 * transactions are terminated after ten seconds; a longer active transaction does not block the erasure.
 */
const horizonWaitMs = 10_000;

/**
 * Continues every unfinished erasure, batch by batch. Enqueued at the start of an erasure. The schedule resumes erasures that were
 * interrupted by the end of a process or an outage of the database.
 */
export const eraseOrganizationsWork = ({ logger, log }: Platform, dispatch: InternalDispatch): Job<object> => {
  const erase = async (organizationId: string): Promise<void> => {
    for (let more = true; more; ) {
      const { output: progress, revision } = await dispatch(continueErasure, { organizationId });
      ({ more } = progress);
      logger.info({ ...progress, organizationId }, more ? "an organization is being erased" : "the erasure of an organization is finished");
      if (more && revision !== undefined) await horizonPasses(log, revision, horizonWaitMs);
    }
  };

  return {
    ...eraseOrganizationsJob,
    schedule: "*/5 * * * *",
    async handle() {
      const { items } = (await dispatch(listErasures, {})).output;
      const failures: unknown[] = [];
      for (const { organizationId } of items) {
        // One failed erasure must not block the others.
        await erase(organizationId).catch((error: unknown) => {
          logger.error({ err: error, organizationId }, "an organization's erasure could not continue");
          failures.push(error);
        });
      }
      if (failures.length > 0) throw failures[0];
    },
  };
};
