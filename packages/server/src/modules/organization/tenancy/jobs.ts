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
 * How long a batch waits for the one before to be settled, by which the projection of that is limited to a batch. A transaction elsewhere
 * that is open for longer than ten seconds idle is ended; one that works goes on beside the erasure.
 */
const settledWithinMs = 10_000;

/**
 * Goes on with every erasure that is not finished, batch by batch. Enqueued with the erasure's begin; the schedule takes up what a process
 * that ended, or a database that was away, has left.
 */
export const eraseOrganizationsWork = ({ logger, log }: Platform, dispatch: InternalDispatch): Job<object> => {
  const erase = async (organizationId: string): Promise<void> => {
    for (let more = true; more; ) {
      const { output: progress, revision } = await dispatch(continueErasure, { organizationId });
      ({ more } = progress);
      logger.info(
        { ...progress, organizationId },
        more ? "an organization is being erased" : "nothing of an organization is left to erase here",
      );
      if (more && revision !== undefined) await horizonPasses(log, revision, settledWithinMs);
    }
  };

  return {
    ...eraseOrganizationsJob,
    schedule: "*/5 * * * *",
    async handle() {
      const { items } = (await dispatch(listErasures, {})).output;
      const failures: unknown[] = [];
      for (const { organizationId } of items) {
        // The other organizations do not wait for one that cannot be erased.
        await erase(organizationId).catch((error: unknown) => {
          logger.error({ err: error, organizationId }, "an organization's erasure could not go on");
          failures.push(error);
        });
      }
      if (failures.length > 0) throw failures[0];
    },
  };
};
