import type { Dispatch } from "../../operation/dispatch.ts";
import { scheduled } from "../../operation/scheduled.ts";
import type { Job, JobName } from "../../platform/jobs/jobs.ts";

export const signCheckpointsJob: JobName<object> = { name: "audit.sign-checkpoints" };
export const removeOldJob: JobName<object> = { name: "audit.remove-old" };

export const signCheckpointsWork = (dispatch: Dispatch): Job<object> =>
  scheduled(dispatch, { ...signCheckpointsJob, operation: "audit.signCheckpoints", schedule: "7 * * * *" });

export const removeOldWork = (dispatch: Dispatch): Job<object> =>
  scheduled(dispatch, { ...removeOldJob, operation: "audit.removeOld", schedule: "52 * * * *" });
