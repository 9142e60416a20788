import { RateLimiterRedis } from "rate-limiter-flexible";
import type { Authenticator } from "../keys/authenticator.ts";
import type { RedisConnection } from "../redis/client.ts";
import type { Resilience } from "../resilience/resilience.ts";
import { Unavailable } from "../unavailable.ts";
import { inProcessLimits, type Limit, type LimitState, type Limits, limitsWith } from "./limits.ts";

/**
 * Each process also enforces this multiple of a limit by itself, whatever Redis returns. More than once the limit, because a success in another
 * process gives points back only there; little more, because anyone who can write to Redis can reset every counter.
 */
const localFactor = 3;

export interface LimitsOptions {
  readonly without: "memory" | "refuse";
  /** Pseudonymizes keys, so that without the master key no counter can be attributed to a user. */
  readonly authenticator: Authenticator;
}

/**
 * Counts in Redis, so that several processes share one limit. While Redis is away, `memory` makes each process count by itself, so that
 * a limit is at most multiplied by the number of processes; `refuse` throws Unavailable, so that no sign-in bypasses its limit.
 * Redis increments counters itself, so they cannot be signed (decision 0041); each process also counts locally.
 */
export function redisLimits(
  { client, prefix }: RedisConnection,
  resilience: Resilience,
  { without, authenticator }: LimitsOptions,
): Limits {
  const shared = limitsWith((name, { points, seconds }) => {
    // Both a name and a key may contain a colon; the name's is encoded, so that the two cannot be confused.
    const keyPrefix = `${prefix}iam:limit:${encodeURIComponent(name)}:${points}:${seconds}`;
    return new RateLimiterRedis({ storeClient: client, keyPrefix, points, duration: seconds });
  });
  const own = inProcessLimits();
  const local = inProcessLimits();
  const localOf = ({ points, seconds }: Limit): Limit => ({ points: points * localFactor, seconds });
  const guard = resilience.guard("redis.limits", "limits");
  const onShared = async <T>(work: (limits: Limits) => Promise<T>): Promise<T> => {
    try {
      return await guard(() => work(shared));
    } catch (error) {
      if (without === "refuse" || !(error instanceof Unavailable)) throw error;
      return work(own);
    }
  };
  const hidden = (name: string, key: string): string => authenticator.sign(["limit", name, key]);
  const count = async (name: string, key: string, limit: Limit): Promise<LimitState> => {
    const state = await onShared((limits) => limits.count(name, hidden(name, key), limit));
    if (state.waitSeconds > 0) return state;
    const waitSeconds = await local.take(name, key, localOf(limit));
    return waitSeconds > 0 ? { waitSeconds, remaining: 0, resetSeconds: waitSeconds } : state;
  };
  return {
    count,
    take: async (name, key, limit) => (await count(name, key, limit)).waitSeconds,
    async giveBack(name, key, limit) {
      await onShared((limits) => limits.giveBack(name, hidden(name, key), limit));
      await local.giveBack(name, key, localOf(limit));
    },
    async peek(name, key, limit) {
      const waitSeconds = await onShared((limits) => limits.peek(name, hidden(name, key), limit));
      return Math.max(waitSeconds, await local.peek(name, key, localOf(limit)));
    },
    async reset(name, key, limit) {
      await onShared((limits) => limits.reset(name, hidden(name, key), limit));
      await local.reset(name, key, localOf(limit));
    },
  };
}
