import type { Job } from "#platform/jobs/jobs.ts";
import type { Dispatch } from "./dispatch.ts";
import type { Origin } from "./origin.ts";
import { system } from "./principal.ts";

/** Where background work comes from: nowhere on the network, in a trace of its own unless it continues one. */
export function backgroundOrigin(continued?: { readonly requestId: string; readonly traceId: string }): Origin {
  const requestId = continued?.requestId ?? crypto.randomUUID();
  return { ip: null, userAgent: null, requestId, traceId: continued?.traceId ?? requestId.replaceAll("-", "") };
}

interface ScheduledWork {
  readonly name: string;
  readonly operation: string;
  readonly schedule: string;
}

/** A job that calls an operation on a schedule (five-field cron, UTC). */
export const scheduled = (dispatch: Dispatch, work: ScheduledWork): Job<object> => ({
  name: work.name,
  schedule: work.schedule,
  async handle() {
    await dispatch({ operation: work.operation, input: {}, principal: system, origin: backgroundOrigin() });
  },
});

/** The same with an operation that does a part of the work a call and answers with `more`: each part is a transaction of its own. */
export const untilNoneIsLeft = (dispatch: Dispatch, work: ScheduledWork): Job<object> => ({
  name: work.name,
  schedule: work.schedule,
  async handle() {
    for (let more = true; more; ) {
      const call = { operation: work.operation, input: {}, principal: system, origin: backgroundOrigin() };
      ({ more } = (await dispatch(call)).output as { more: boolean });
    }
  },
});
