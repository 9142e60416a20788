import { RateLimiterRedis } from "rate-limiter-flexible";
import type { Authenticator } from "../keys/authenticator.ts";
import type { RedisConnection } from "../redis/client.ts";
import type { Resilience } from "../resilience/resilience.ts";
import { Unavailable } from "../unavailable.ts";
import { inProcessLimits, type Limit, type Limits, limitsWith } from "./limits.ts";

/**
 * How many times a limit a process lets through by itself, whatever Redis says. More than once, because a success at another process gives
 * points back there and not here; little more, because whoever writes to Redis can set every counter back.
 */
const ownTimes = 3;

export interface LimitsOptions {
  readonly without: "memory" | "refuse";
  /** Writes keys so that they name nobody, and that nobody without the master key can tell whose counter is whose. */
  readonly authenticator: Authenticator;
}

/**
 * Counts in Redis, so that several processes share one limit. While Redis is away, `memory` lets each process count by itself, so that
 * a limit is at most as many times as high as there are processes; `refuse` throws Unavailable: then nobody signs in without a limit.
 * Redis counts by itself, so counters carry no code (decision 0041): each process counts beside it.
 */
export function redisLimits(
  { client, prefix }: RedisConnection,
  resilience: Resilience,
  { without, authenticator }: LimitsOptions,
): Limits {
  const shared = limitsWith((name, { points, seconds }) => {
    // A name may have a colon and the key behind it may, too; the name's is written otherwise, so the two cannot run together.
    const keyPrefix = `${prefix}iam:limit:${encodeURIComponent(name)}:${points}:${seconds}`;
    return new RateLimiterRedis({ storeClient: client, keyPrefix, points, duration: seconds });
  });
  const own = inProcessLimits();
  const beside = inProcessLimits();
  const besideOf = ({ points, seconds }: Limit): Limit => ({ points: points * ownTimes, seconds });
  const guard = resilience.guard("redis.limits", "limits");
  const ask = async <T>(work: (limits: Limits) => Promise<T>): Promise<T> => {
    try {
      return await guard(() => work(shared));
    } catch (error) {
      if (without === "refuse" || !(error instanceof Unavailable)) throw error;
      return work(own);
    }
  };
  const hidden = (name: string, key: string): string => authenticator.sign(["limit", name, key]);
  return {
    async take(name, key, limit) {
      const waitSeconds = await ask((limits) => limits.take(name, hidden(name, key), limit));
      return waitSeconds > 0 ? waitSeconds : beside.take(name, key, besideOf(limit));
    },
    async giveBack(name, key, limit) {
      await ask((limits) => limits.giveBack(name, hidden(name, key), limit));
      await beside.giveBack(name, key, besideOf(limit));
    },
    async peek(name, key, limit) {
      const waitSeconds = await ask((limits) => limits.peek(name, hidden(name, key), limit));
      return Math.max(waitSeconds, await beside.peek(name, key, besideOf(limit)));
    },
    async reset(name, key, limit) {
      await ask((limits) => limits.reset(name, hidden(name, key), limit));
      await beside.reset(name, key, besideOf(limit));
    },
  };
}
