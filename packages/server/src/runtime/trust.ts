import type { Logger } from "pino";
import { type Authenticator, authenticator, type Distrust } from "#platform/keys/authenticator.ts";
import type { KeyRing } from "#platform/keys/keys.ts";
import type { Metrics } from "#platform/telemetry/metrics.ts";

/** Where something was found that no process of this installation has put there. */
export type Channel = "nats" | "redis";
const kinds: Readonly<Record<Channel, readonly string[]>> = {
  nats: ["request", "reply", "sign", "tell"],
  redis: ["entry", "mark", "event"],
};
const reasons: readonly Distrust[] = ["unsigned", "unknown_key", "forged", "expired", "replayed"];

/** Shows what was found on a channel as 0 before the first: an alert asks for the increase. */
export function countDistrustFromZero(channel: Channel, { distrusted }: Pick<Metrics, "distrusted">): void {
  for (const kind of kinds[channel]) for (const reason of reasons) distrusted.inc({ channel, kind, reason }, 0);
}

/** Said once in so long, however much there is: the metric counts. */
const sayEveryMs = 60_000;

/** Counts what is not trusted, and says so in the log now and then. */
export function distrustOn(channel: Channel, { metrics, logger }: { readonly metrics: Metrics; readonly logger: Logger }) {
  countDistrustFromZero(channel, metrics);
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
