import type { InternalDispatch } from "#operation/kernel/internal-dispatch.ts";
import { scheduledJob } from "#operation/kernel/scheduled-job.ts";
import type { Job } from "#platform/jobs/jobs.ts";
import { pruneDecisions } from "./commands/prune-decisions.ts";
import { repairProjection } from "./commands/repair-projection.ts";
import { pruneDecisionsJob, type Repair, repairJob } from "./queues.ts";

/** Recomputes entries that a check found missing. */
export const repairWork = (dispatch: InternalDispatch): Job<Repair> => ({
  ...repairJob,
  async handle({ keys }) {
    await dispatch(repairProjection, { keys: [...keys] });
  },
});

export const pruneDecisionsWork = (dispatch: InternalDispatch): Job<object> =>
  scheduledJob(dispatch, { ...pruneDecisionsJob, operation: pruneDecisions, schedule: "41 3 * * *" });
