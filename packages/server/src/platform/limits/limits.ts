import { type RateLimiterAbstract, RateLimiterMemory, RateLimiterRes } from "rate-limiter-flexible";

/** At most `points` in a window of `seconds`, which begins with the first. */
export interface Limit {
  readonly points: number;
  readonly seconds: number;
}

/** The limits port: counters that expire. */
export interface Limits {
  /** Takes one point. Returns how many seconds to wait if none was left, otherwise 0. */
  take(name: string, key: string, limit: Limit): Promise<number>;
  /** Gives one point back, if one was taken. */
  giveBack(name: string, key: string, limit: Limit): Promise<void>;
  /** How many seconds to wait if no point is left; 0 otherwise. Takes none. */
  peek(name: string, key: string, limit: Limit): Promise<number>;
  /** Gives all points back. */
  reset(name: string, key: string, limit: Limit): Promise<void>;
}

/** Limits that are counted in this process. */
export const inProcessLimits = (): Limits =>
  limitsWith((name, { points, seconds }) => new RateLimiterMemory({ keyPrefix: name, points, duration: seconds }));

/** The port on the library's counters; `make` creates the counter of a name and a limit. */
export function limitsWith(make: (name: string, limit: Limit) => RateLimiterAbstract): Limits {
  const limiters = new Map<string, RateLimiterAbstract>();
  const limiterFor = (name: string, limit: Limit): RateLimiterAbstract => {
    const id = `${name}:${limit.points}:${limit.seconds}`;
    const known = limiters.get(id);
    if (known) return known;
    const created = make(name, limit);
    limiters.set(id, created);
    return created;
  };
  const secondsOf = (result: RateLimiterRes): number => Math.max(1, Math.ceil(result.msBeforeNext / 1_000));
  const giveBack = async (limiter: RateLimiterAbstract, key: string): Promise<void> => {
    const { consumedPoints } = await limiter.reward(key, 1);
    // Never gives back more points than were taken.
    if (consumedPoints < 0) await limiter.penalty(key, 1);
  };
  return {
    async take(name, key, limit) {
      const limiter = limiterFor(name, limit);
      try {
        await limiter.consume(key);
        return 0;
      } catch (result) {
        if (!(result instanceof RateLimiterRes)) throw result;
        // The library also counts rejected calls, which take no point here.
        await giveBack(limiter, key);
        return secondsOf(result);
      }
    },
    giveBack: (name, key, limit) => giveBack(limiterFor(name, limit), key),
    async peek(name, key, limit) {
      const found = await limiterFor(name, limit).get(key);
      return found !== null && found.consumedPoints >= limit.points ? secondsOf(found) : 0;
    },
    async reset(name, key, limit) {
      await limiterFor(name, limit).delete(key);
    },
  };
}
