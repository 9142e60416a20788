import { LRUCache } from "lru-cache";
import { type RateLimiterAbstract, RateLimiterMemory, RateLimiterRes } from "rate-limiter-flexible";

/** At most `points` in `seconds`, counted from the first. */
export interface Limit {
  readonly points: number;
  readonly seconds: number;
}

/** What is left of a limit after a call has been counted, or refused. */
export interface LimitState {
  /** Seconds to wait before the next point, 0 where the call has taken one. */
  readonly waitSeconds: number;
  /** Points that are left in the window. */
  readonly remaining: number;
  /** Seconds until the window ends and all points are back. */
  readonly resetSeconds: number;
}

/** The limits port: counters that forget. */
export interface Limits {
  /** Takes one point, as {@link take} does, and answers what is left. */
  count(name: string, key: string, limit: Limit): Promise<LimitState>;
  /** Takes one point. Answers how long to wait, in seconds, when none was left, else 0. */
  take(name: string, key: string, limit: Limit): Promise<number>;
  /** Gives one point back, where one was taken. */
  giveBack(name: string, key: string, limit: Limit): Promise<void>;
  /** How long to wait, in seconds, when no point is left; 0 otherwise. Takes none. */
  peek(name: string, key: string, limit: Limit): Promise<number>;
  /** Gives all points back. */
  reset(name: string, key: string, limit: Limit): Promise<void>;
}

/** Distinct limits in use at a time; the product's own are some dozens. */
const limitersMax = 20_000;

/** Counts in this process's memory. */
export const inProcessLimits = (): Limits =>
  limitsOver((name, { points, seconds }) => new RateLimiterMemory({ keyPrefix: name, points, duration: seconds }));

/** The port over the library's counters; `make` gives the one of a name and a limit. */
export function limitsOver(make: (name: string, limit: Limit) => RateLimiterAbstract): Limits {
  // Tenants choose limits of their own, so there can be any number of them. One that is evicted counts from zero when it is used again.
  const limiters = new LRUCache<string, RateLimiterAbstract>({ max: limitersMax });
  // A limit that is counted on every call is the same object each time: its id is made once.
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
    // More than were taken would be more than there are.
    if (consumedPoints < 0) await limiter.penalty(key, 1);
  };
  const count = async (name: string, key: string, limit: Limit): Promise<LimitState> => {
    const limiter = limiterFor(name, limit);
    try {
      const counted = await limiter.consume(key);
      return { waitSeconds: 0, remaining: Math.max(0, counted.remainingPoints), resetSeconds: secondsOf(counted) };
    } catch (result) {
      if (!(result instanceof RateLimiterRes)) throw result;
      // The library counts refused calls too; they have taken nothing.
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
