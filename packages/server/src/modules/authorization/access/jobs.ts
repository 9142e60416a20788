import type { InternalDispatch } from "#operation/kernel/internal-dispatch.ts";
import { scheduledJob } from "#operation/kernel/scheduled-job.ts";
import type { Job, JobName } from "#platform/jobs/jobs.ts";
import { removeExpiredGrants } from "./commands/remove-expired-grants.ts";

export const removeExpiredGrantsJob: JobName<object> = { name: "access.remove-expired-grants" };

export const removeExpiredGrantsWork = (dispatch: InternalDispatch): Job<object> =>
  scheduledJob(dispatch, { ...removeExpiredGrantsJob, operation: removeExpiredGrants, schedule: "17 4 * * *" });
