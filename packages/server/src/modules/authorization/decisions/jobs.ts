import { system } from "#operation/caller.ts";
import type { Dispatch } from "#operation/dispatch.ts";
import { backgroundOrigin, untilNoneIsLeft } from "#operation/scheduled.ts";
import type { Job, JobName } from "#platform/jobs/jobs.ts";

export interface Repair {
  readonly keys: readonly string[];
}

/** The queue keeps the name that it was released with: what an older release has enqueued is still worked off. */
export const repairJob: JobName<Repair> = { name: "access.repair-read-model" };

/** Puts parts back that a check has found missing. */
export const repairWork = (dispatch: Dispatch): Job<Repair> => ({
  ...repairJob,
  async handle({ keys }) {
    await dispatch({
      operation: "decisions.repairProjection",
      input: { keys },
      caller: system,
      origin: backgroundOrigin(),
    });
  },
});

export const pruneDecisionsJob: JobName<object> = { name: "access.forget-old-decisions" };

export const pruneDecisionsWork = (dispatch: Dispatch): Job<object> =>
  untilNoneIsLeft(dispatch, { ...pruneDecisionsJob, operation: "decisions.pruneDecisions", schedule: "41 3 * * *" });
