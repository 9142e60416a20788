import type { Dispatch } from "../../operation/dispatch.ts";
import { scheduled } from "../../operation/scheduled.ts";
import type { Job, JobName } from "../../platform/jobs/jobs.ts";

export const expireInvitationsJob: JobName<object> = { name: "tenancy.expire-invitations" };

export const expireInvitationsWork = (dispatch: Dispatch): Job<object> =>
  scheduled(dispatch, { ...expireInvitationsJob, operation: "tenancy.expireInvitations", schedule: "7 * * * *" });
