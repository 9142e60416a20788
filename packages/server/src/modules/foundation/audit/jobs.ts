import type { InternalDispatch } from "#operation/kernel/internal-dispatch.ts";
import { scheduledJob } from "#operation/kernel/scheduled-job.ts";
import type { Job, JobName } from "#platform/jobs/jobs.ts";
import { removeOld } from "./commands/remove-old.ts";
import { signCheckpoints } from "./commands/sign-checkpoints.ts";

export const signCheckpointsJob: JobName<object> = { name: "audit.sign-checkpoints" };
export const removeOldJob: JobName<object> = { name: "audit.remove-old" };

/** Transactions of one run, of 1,000 chains each: chains that go on growing must not keep it running. The next run goes on. */
const checkpointBatchesMax = 100;

/** Until each chain has its checkpoint: each call is a transaction of its own. */
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
