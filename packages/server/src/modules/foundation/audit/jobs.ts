import type { InternalDispatch } from "#operation/kernel/internal-dispatch.ts";
import { scheduledJob } from "#operation/kernel/scheduled-job.ts";
import type { Job, JobName } from "#platform/jobs/jobs.ts";
import { removeOld } from "./commands/remove-old.ts";
import { signCheckpoints } from "./commands/sign-checkpoints.ts";

export const signCheckpointsJob: JobName<object> = { name: "audit.sign-checkpoints" };
export const removeOldJob: JobName<object> = { name: "audit.remove-old" };

/** Transactions of one run, of 1,000 chains each: a run ends although chains keep growing. The next run continues. */
const checkpointBatchesMax = 100;

/** Signs checkpoints until each chain has one. Each call is its own transaction. */
export const signCheckpointsWork = (dispatch: InternalDispatch): Job<object> => ({
  ...signCheckpointsJob,
  schedule: "7 * * * *",
  async handle() {
    for (let batch = 0, more = true; more && batch < checkpointBatchesMax; batch += 1) {
      ({ more } = (await dispatch(signCheckpoints, {})).output);
    }
  },
});

export const removeOldWork = (dispatch: InternalDispatch): Job<object> =>
  scheduledJob(dispatch, { ...removeOldJob, operation: removeOld, schedule: "52 * * * *" });
