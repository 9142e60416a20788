import { system } from "../../operation/caller.ts";
import type { Dispatch } from "../../operation/dispatch.ts";
import { backgroundOrigin } from "../../operation/scheduled.ts";
import type { Job, JobName } from "../../platform/jobs/jobs.ts";

export const removeOverSessionsJob: JobName<object> = { name: "sessions.remove-over" };

/** Until none is left: each call is a transaction of its own. */
export const removeOverSessionsWork = (dispatch: Dispatch): Job<object> => ({
  ...removeOverSessionsJob,
  schedule: "23 * * * *",
  async handle() {
    for (let more = true; more; ) {
      const call = { operation: "sessions.removeOverSessions", input: {}, caller: system, origin: backgroundOrigin() };
      ({ more } = (await dispatch(call)).output as { more: boolean });
    }
  },
});
