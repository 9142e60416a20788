import type { Job } from "../platform/jobs/jobs.ts";
import { type Origin, system } from "./caller.ts";
import type { Dispatch } from "./dispatch.ts";

/** Where background work comes from: nowhere on the network, in a trace of its own unless it continues one. */
export function backgroundOrigin(continued?: { readonly requestId: string; readonly traceId: string }): Origin {
  const requestId = continued?.requestId ?? crypto.randomUUID();
  return { ip: null, userAgent: null, requestId, traceId: continued?.traceId ?? requestId.replaceAll("-", "") };
}

/** A job that calls an operation on a schedule (five-field cron, UTC). */
export const scheduled = (
  dispatch: Dispatch,
  work: { readonly name: string; readonly operation: string; readonly schedule: string },
): Job<object> => ({
  name: work.name,
  schedule: work.schedule,
  async handle() {
    await dispatch({ operation: work.operation, input: {}, caller: system, origin: backgroundOrigin() });
  },
});
