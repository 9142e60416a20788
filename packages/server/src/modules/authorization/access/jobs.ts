import type { InternalDispatch } from "#operation/internal-dispatch.ts";
import { untilNoneIsLeft } from "#operation/scheduled-job.ts";
import type { Job, JobName } from "#platform/jobs/jobs.ts";
import { removeExpiredGrants } from "./commands/remove-expired-grants.ts";

export const removeExpiredGrantsJob: JobName<object> = { name: "access.remove-expired-grants" };

export const removeExpiredGrantsWork = (dispatch: InternalDispatch): Job<object> =>
  untilNoneIsLeft(dispatch, { ...removeExpiredGrantsJob, operation: removeExpiredGrants, schedule: "17 4 * * *" });
