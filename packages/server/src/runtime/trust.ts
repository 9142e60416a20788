import type { Logger } from "pino";
import { type Authenticator, authenticator, type Distrust } from "#platform/keys/authenticator.ts";
import type { KeyRing } from "#platform/keys/keys.ts";
import type { Metrics } from "#platform/telemetry/metrics.ts";

/** Where an entry or message was found that no process of this installation wrote. */
export type Channel = "nats" | "redis";
const kinds: Readonly<Record<Channel, readonly string[]>> = {
  nats: ["request", "reply", "sign", "tell"],
  redis: ["entry", "mark", "event"],
};
const reasons: readonly Distrust[] = ["unsigned", "unknown_key", "forged", "expired", "replayed"];

/** Exports the counters of a channel as 0 before the first finding: the alert uses their increase. */
export function initializeUntrustedCounters(channel: Channel, { distrusted }: Pick<Metrics, "distrusted">): void {
  for (const kind of kinds[channel]) for (const reason of reasons) distrusted.inc({ channel, kind, reason }, 0);
}

/** At most one log line in this time; the metric counts all findings. */
const logEveryMs = 60_000;

/** Counts untrusted entries and messages, and logs them at a limited rate. */
export function untrustedReporter(channel: Channel, { metrics, logger }: { readonly metrics: Metrics; readonly logger: Logger }) {
  initializeUntrustedCounters(channel, metrics);
  let loggedAt = Number.NEGATIVE_INFINITY;
  return (kind: string, reason: Distrust): void => {
    metrics.distrusted.inc({ channel, kind, reason });
    if (performance.now() - loggedAt < logEveryMs) return;
    loggedAt = performance.now();
    logger.warn({ channel, kind, reason }, `a ${kind} on ${channel} is not trusted: ${reason}`);
  };
}

/** Authenticates the entries in Redis. The label of the derivation is part of the key. */
export const redisAuthenticator = (ring: KeyRing): Authenticator => authenticator(ring.derive("what lies in Redis"));
