import type { Dispatch } from "#operation/dispatch.ts";
import { system } from "#operation/principal.ts";
import { backgroundOrigin, untilNoneIsLeft } from "#operation/scheduled.ts";
import type { Job, JobName } from "#platform/jobs/jobs.ts";

export interface Repair {
  readonly keys: readonly string[];
}

export const repairJob: JobName<Repair> = { name: "access.repair-read-model" };

/** Puts parts back that a check has found missing. */
export const repairWork = (dispatch: Dispatch): Job<Repair> => ({
  ...repairJob,
  async handle({ keys }) {
    await dispatch({
      operation: "access.repairReadModel",
      input: { keys },
      principal: system,
      origin: backgroundOrigin(),
    });
  },
});

export const forgetOldDecisionsJob: JobName<object> = { name: "access.forget-old-decisions" };

export const forgetOldDecisionsWork = (dispatch: Dispatch): Job<object> =>
  untilNoneIsLeft(dispatch, { ...forgetOldDecisionsJob, operation: "access.forgetOldDecisions", schedule: "41 3 * * *" });

export const removeExpiredGrantsJob: JobName<object> = { name: "access.remove-expired-grants" };

export const removeExpiredGrantsWork = (dispatch: Dispatch): Job<object> =>
  untilNoneIsLeft(dispatch, { ...removeExpiredGrantsJob, operation: "access.removeExpiredGrants", schedule: "17 4 * * *" });
