import { RateLimiterRedis } from "rate-limiter-flexible";
import type { RedisConnection } from "../redis/client.ts";
import type { Resilience } from "../resilience/resilience.ts";
import { Unavailable } from "../unavailable.ts";
import { inProcessLimits, type Limit, type Limits, limitsOver } from "./limits.ts";

/**
 * Counts in Redis, so that several processes share one limit. While Redis is away, `memory` lets each process count by itself, so that
 * a limit is at most as many times as high as there are processes; `refuse` throws Unavailable: then nobody signs in without a limit.
 */
export function redisLimits({ client, prefix }: RedisConnection, resilience: Resilience, without: "memory" | "refuse"): Limits {
  const shared = limitsOver((name, { points, seconds }) => {
    // A name may have a colon and the key behind it may, too; the name's is written otherwise, so the two cannot run together.
    const keyPrefix = `${prefix}iam:limit:${encodeURIComponent(name)}:${points}:${seconds}`;
    return new RateLimiterRedis({ storeClient: client, keyPrefix, points, duration: seconds });
  });
  const own = inProcessLimits();
  const guard = resilience.guard("redis.limits", "limits");
  const ask = async <T>(work: (limits: Limits) => Promise<T>): Promise<T> => {
    try {
      return await guard(() => work(shared));
    } catch (error) {
      if (without === "refuse" || !(error instanceof Unavailable)) throw error;
      return work(own);
    }
  };
  return {
    take: (name: string, key: string, limit: Limit) => ask((limits) => limits.take(name, key, limit)),
    giveBack: (name, key, limit) => ask((limits) => limits.giveBack(name, key, limit)),
    peek: (name, key, limit) => ask((limits) => limits.peek(name, key, limit)),
    reset: (name, key, limit) => ask((limits) => limits.reset(name, key, limit)),
  };
}
