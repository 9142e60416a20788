import type { InternalDispatch } from "#operation/kernel/internal-dispatch.ts";
import { untilNoneIsLeft } from "#operation/kernel/scheduled-job.ts";
import type { Job, JobName } from "#platform/jobs/jobs.ts";
import { removeOverSessions } from "./commands/remove-over-sessions.ts";

export const removeOverSessionsJob: JobName<object> = { name: "sessions.remove-over" };

export const removeOverSessionsWork = (dispatch: InternalDispatch): Job<object> =>
  untilNoneIsLeft(dispatch, { ...removeOverSessionsJob, operation: removeOverSessions, schedule: "23 * * * *" });
