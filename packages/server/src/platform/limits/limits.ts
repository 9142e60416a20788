import { LRUCache } from "lru-cache";
import { type RateLimiterAbstract, RateLimiterMemory, RateLimiterRes } from "rate-limiter-flexible";

/** At most `points` in a window of `seconds`, which begins with the first. */
export interface Limit {
  readonly points: number;
  readonly seconds: number;
}

/** The state of a limit after a call was counted or refused. */
export interface LimitState {
  /** Seconds until the next point; 0 where the call has taken one. */
  readonly waitSeconds: number;
  /** Points that are left in the window. */
  readonly remaining: number;
  /** Seconds until the window ends and all points are available again. */
  readonly resetSeconds: number;
}

/** The limits port: counters that expire. */
export interface Limits {
  /** Takes one point, as {@link take} does, and returns the state of the limit. */
  count(name: string, key: string, limit: Limit): Promise<LimitState>;
  /** Takes one point. Returns how many seconds to wait if none was left, otherwise 0. */
  take(name: string, key: string, limit: Limit): Promise<number>;
  /** Gives one point back, if one was taken. */
  giveBack(name: string, key: string, limit: Limit): Promise<void>;
  /** How many seconds to wait if no point is left; 0 otherwise. Takes none. */
  peek(name: string, key: string, limit: Limit): Promise<number>;
  /** Gives all points back. */
  reset(name: string, key: string, limit: Limit): Promise<void>;
}

/** Distinct limits in use at a time; the product's own are some dozens. */
const limitersMax = 20_000;

/** Limits that are counted in this process. */
export const inProcessLimits = (): Limits =>
  limitsWith((name, { points, seconds }) => new RateLimiterMemory({ keyPrefix: name, points, duration: seconds }));

/** The port on the library's counters; `make` creates the counter of a name and a limit. */
export function limitsWith(make: (name: string, limit: Limit) => RateLimiterAbstract): Limits {
  // Tenants choose limits of their own, so their number is not bounded. A limiter that is evicted counts from zero when it is used again.
  const limiters = new LRUCache<string, RateLimiterAbstract>({ max: limitersMax });
  // A limit that is counted on every call is the same object each time, so its id is built once.
  const ids = new WeakMap<Limit, Map<string, string>>();
  const idOf = (name: string, limit: Limit): string => {
    let byName = ids.get(limit);
    if (byName === undefined) {
      byName = new Map();
      ids.set(limit, byName);
    }
    let id = byName.get(name);
    if (id === undefined) {
      id = `${name}:${limit.points}:${limit.seconds}`;
      byName.set(name, id);
    }
    return id;
  };
  const limiterFor = (name: string, limit: Limit): RateLimiterAbstract => {
    const id = idOf(name, limit);
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
  const count = async (name: string, key: string, limit: Limit): Promise<LimitState> => {
    const limiter = limiterFor(name, limit);
    try {
      const counted = await limiter.consume(key);
      return { waitSeconds: 0, remaining: Math.max(0, counted.remainingPoints), resetSeconds: secondsOf(counted) };
    } catch (result) {
      if (!(result instanceof RateLimiterRes)) throw result;
      // The library also counts rejected calls, which take no point here.
      await giveBack(limiter, key);
      const waitSeconds = secondsOf(result);
      return { waitSeconds, remaining: 0, resetSeconds: waitSeconds };
    }
  };
  return {
    count,
    take: async (name, key, limit) => (await count(name, key, limit)).waitSeconds,
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
