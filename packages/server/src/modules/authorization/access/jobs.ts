import type { Dispatch } from "#operation/dispatch.ts";
import { untilNoneIsLeft } from "#operation/scheduled.ts";
import type { Job, JobName } from "#platform/jobs/jobs.ts";

export const removeExpiredGrantsJob: JobName<object> = { name: "access.remove-expired-grants" };

export const removeExpiredGrantsWork = (dispatch: Dispatch): Job<object> =>
  untilNoneIsLeft(dispatch, { ...removeExpiredGrantsJob, operation: "access.removeExpiredGrants", schedule: "17 4 * * *" });
