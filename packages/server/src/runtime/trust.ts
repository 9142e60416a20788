import type { Logger } from "pino";
import { type Authenticator, authenticator, type Distrust } from "../platform/keys/authenticator.ts";
import type { KeyRing } from "../platform/keys/keys.ts";
import type { Metrics } from "../platform/telemetry/metrics.ts";

/** Where something was found that no process of this installation has put there. */
export type Channel = "nats" | "redis";
/** Said once in so long, however much there is: the metric counts. */
const sayEveryMs = 60_000;

/** Counts what is not trusted, and says so in the log now and then. */
export function distrustOn(channel: Channel, { metrics, logger }: { readonly metrics: Metrics; readonly logger: Logger }) {
  let saidAt = Number.NEGATIVE_INFINITY;
  return (kind: string, reason: Distrust): void => {
    metrics.distrusted.inc({ channel, kind, reason });
    if (performance.now() - saidAt < sayEveryMs) return;
    saidAt = performance.now();
    logger.warn({ channel, kind, reason }, `a ${kind} on ${channel} is not trusted: ${reason}`);
  };
}

/** For what lies in Redis. */
export const redisAuthenticator = (ring: KeyRing): Authenticator => authenticator(ring.derive("what lies in Redis"));
