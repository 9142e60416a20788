import type { Dispatch } from "#operation/dispatch.ts";
import { untilNoneIsLeft } from "#operation/scheduled.ts";
import type { Job, JobName } from "#platform/jobs/jobs.ts";

export const removeOverSessionsJob: JobName<object> = { name: "sessions.remove-over" };

export const removeOverSessionsWork = (dispatch: Dispatch): Job<object> =>
  untilNoneIsLeft(dispatch, { ...removeOverSessionsJob, operation: "sessions.removeOverSessions", schedule: "23 * * * *" });
