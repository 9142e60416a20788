import type { Dispatch } from "#operation/dispatch.ts";
import { system } from "#operation/principal.ts";
import { backgroundOrigin, untilNoneIsLeft } from "#operation/scheduled.ts";
import type { Job, JobName } from "#platform/jobs/jobs.ts";

export const signCheckpointsJob: JobName<object> = { name: "audit.sign-checkpoints" };
export const removeOldJob: JobName<object> = { name: "audit.remove-old" };

/** Transactions of one run, of 1,000 chains each: chains that go on growing must not keep it running. The next run goes on. */
const checkpointBatchesMax = 100;

/** Until each chain has its checkpoint: each call is a transaction of its own. */
export const signCheckpointsWork = (dispatch: Dispatch): Job<object> => ({
  ...signCheckpointsJob,
  schedule: "7 * * * *",
  async handle() {
    for (let batch = 0, more = true; more && batch < checkpointBatchesMax; batch += 1) {
      const call = { operation: "audit.signCheckpoints", input: {}, principal: system, origin: backgroundOrigin() };
      ({ more } = (await dispatch(call)).output as { more: boolean });
    }
  },
});

export const removeOldWork = (dispatch: Dispatch): Job<object> =>
  untilNoneIsLeft(dispatch, { ...removeOldJob, operation: "audit.removeOld", schedule: "52 * * * *" });
