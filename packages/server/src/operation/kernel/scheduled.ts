import type { Origin } from "../declaration/origin.ts";

/** The origin of background work: no address, and a trace of its own unless it continues one. */
export function backgroundOrigin(continued?: { readonly requestId: string; readonly traceId: string }): Origin {
  const requestId = continued?.requestId ?? crypto.randomUUID();
  return { ip: null, userAgent: null, requestId, traceId: continued?.traceId ?? requestId.replaceAll("-", "") };
}
