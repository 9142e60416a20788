import { system } from "../../operation/caller.ts";
import type { Dispatch } from "../../operation/dispatch.ts";
import { backgroundOrigin, untilNoneIsLeft } from "../../operation/scheduled.ts";
import type { Job, JobName } from "../../platform/jobs/jobs.ts";
import type { Platform } from "../../platform/platform.ts";

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
 * Goes on with every erasure that is not finished, batch by batch. Enqueued with the erasure's begin; the schedule takes up what a process
 * that ended, or a database that was away, has left.
 */
export const eraseOrganizationsWork = ({ logger }: Platform, dispatch: Dispatch): Job<object> => ({
  ...eraseOrganizationsJob,
  schedule: "*/5 * * * *",
  async handle() {
    const call = async (operation: string, input: Record<string, unknown>) =>
      (await dispatch({ operation, input, caller: system, origin: backgroundOrigin() })).output;
    const { items } = (await call("tenancy.listErasures", {})) as { readonly items: readonly Erasure[] };
    const failures: unknown[] = [];
    for (const { organizationId } of items) {
      try {
        for (let more = true; more; ) {
          const progress = (await call("tenancy.continueErasure", { organizationId })) as Progress;
          ({ more } = progress);
          logger.info(
            { ...progress, organizationId },
            more ? "an organization is being erased" : "no more of an organization is left to erase here",
          );
        }
      } catch (error) {
        // The other organizations do not wait for one that cannot be erased.
        logger.error({ err: error, organizationId }, "an organization's erasure could not go on");
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  },
});
