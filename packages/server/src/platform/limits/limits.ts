import { type RateLimiterAbstract, RateLimiterMemory, RateLimiterRes } from "rate-limiter-flexible";

/** At most `points` in `seconds`, counted from the first. */
export interface Limit {
  readonly points: number;
  readonly seconds: number;
}

/** The limits port: counters that forget. */
export interface Limits {
  /** Takes one point. Answers how long to wait, in seconds, when none was left, else 0. */
  take(name: string, key: string, limit: Limit): Promise<number>;
  /** Gives one point back, where one was taken. */
  giveBack(name: string, key: string, limit: Limit): Promise<void>;
  /** How long to wait, in seconds, when no point is left; 0 otherwise. Takes none. */
  peek(name: string, key: string, limit: Limit): Promise<number>;
  /** Gives all points back. */
  reset(name: string, key: string, limit: Limit): Promise<void>;
}

/** Counts in this process's memory. */
export const inProcessLimits = (): Limits =>
  limitsWith((name, { points, seconds }) => new RateLimiterMemory({ keyPrefix: name, points, duration: seconds }));

/** The port over the library's counters; `make` gives the one of a name and a limit. */
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
    // More than were taken would be more than there are.
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
        // The library counts refused calls too; they have taken nothing.
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
