import type { Dispatch } from "#operation/dispatch.ts";
import { system } from "#operation/principal.ts";
import { backgroundOrigin, untilNoneIsLeft } from "#operation/scheduled.ts";
import { horizonPasses } from "#operation/wait-for-revision.ts";
import type { Job, JobName } from "#platform/jobs/jobs.ts";
import type { Platform } from "#platform/platform.ts";

export const expireInvitationsJob: JobName<object> = { name: "tenancy.expire-invitations" };

export const expireInvitationsWork = (dispatch: Dispatch): Job<object> =>
  untilNoneIsLeft(dispatch, { ...expireInvitationsJob, operation: "tenancy.expireInvitations", schedule: "7 * * * *" });

export const eraseOrganizationsJob: JobName<object> = { name: "tenancy.erase-organizations" };

interface Erasure {
  readonly organizationId: string;
}
interface Progress {
  readonly more: boolean;
  readonly membersRemoved: number;
  readonly membersTotal: number;
}

/**
 * How long a batch waits for the one before to be settled, by which the projection of that is limited to a batch. A transaction elsewhere
 * that is open for longer than ten seconds idle is ended; one that works goes on beside the erasure.
 */
const settledWithinMs = 10_000;

/**
 * Goes on with every erasure that is not finished, batch by batch. Enqueued with the erasure's begin; the schedule takes up what a process
 * that ended, or a database that was away, has left.
 */
export const eraseOrganizationsWork = ({ logger, log }: Platform, dispatch: Dispatch): Job<object> => {
  const call = (operation: string, input: Record<string, unknown>) =>
    dispatch({ operation, input, principal: system, origin: backgroundOrigin() });

  const erase = async ({ organizationId }: Erasure): Promise<void> => {
    for (let more = true; more; ) {
      const { output, revision } = await call("tenancy.continueErasure", { organizationId });
      const progress = output as Progress;
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
      const { items } = (await call("tenancy.listErasures", {})).output as { readonly items: readonly Erasure[] };
      const failures: unknown[] = [];
      for (const erasure of items) {
        // The other organizations do not wait for one that cannot be erased.
        await erase(erasure).catch((error: unknown) => {
          logger.error({ err: error, organizationId: erasure.organizationId }, "an organization's erasure could not go on");
          failures.push(error);
        });
      }
      if (failures.length > 0) throw failures[0];
    },
  };
};
