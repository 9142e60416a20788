import type { Origin } from "../declaration/origin.ts";

/** Where background work comes from: nowhere on the network, in a trace of its own unless it continues one. */
export function backgroundOrigin(continued?: { readonly requestId: string; readonly traceId: string }): Origin {
  const requestId = continued?.requestId ?? crypto.randomUUID();
  return { ip: null, userAgent: null, requestId, traceId: continued?.traceId ?? requestId.replaceAll("-", "") };
}
