import type { InternalDispatch } from "#operation/kernel/internal-dispatch.ts";
import { scheduledJob } from "#operation/kernel/scheduled-job.ts";
import type { Job, JobName } from "#platform/jobs/jobs.ts";
import { deleteExpiredSessions } from "./commands/delete-expired-sessions.ts";

export const deleteExpiredSessionsJob: JobName<object> = { name: "sessions.delete-expired" };

export const deleteExpiredSessionsWork = (dispatch: InternalDispatch): Job<object> =>
  scheduledJob(dispatch, { ...deleteExpiredSessionsJob, operation: deleteExpiredSessions, schedule: "23 * * * *" });
