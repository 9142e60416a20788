import type { CountedLimit } from "#operation/declaration/rate-limit-fields.ts";
import type { Limit, LimitState, Limits } from "#platform/limits/limits.ts";
import type { Settings } from "#platform/settings.ts";
import type { ActiveKey } from "./key-cache.ts";

const windowSeconds = 60;

interface KeyLimit {
  /** The name of the policy in `RateLimit-Policy`. */
  readonly name: "global" | "default" | "key" | "operation";
  /** The name of the limit and the key of its counter. */
  readonly counter: string;
  readonly counterKey: string;
  readonly limit: Limit;
}

/** The limits of a call: of all keys together, the default of each key, the key's own, and the operation's. */
function limitsOf({ familyId, limit, operationLimits }: ActiveKey, operation: string, settings: Settings): readonly KeyLimit[] {
  const { apiKeysCallsPerMinute, apiKeyCallsPerMinute } = settings;
  const limits: KeyLimit[] = [];
  if (apiKeysCallsPerMinute > 0)
    limits.push({ name: "global", counter: "API keys", counterKey: "all", limit: perMinute(apiKeysCallsPerMinute) });
  if (apiKeyCallsPerMinute > 0)
    limits.push({ name: "default", counter: "API key default", counterKey: familyId, limit: perMinute(apiKeyCallsPerMinute) });
  if (limit !== undefined) limits.push({ name: "key", counter: "API key", counterKey: familyId, limit });
  const ofOperation = operationLimits.get(operation);
  if (ofOperation !== undefined)
    limits.push({ name: "operation", counter: `API key ${operation}`, counterKey: familyId, limit: ofOperation });
  return limits;
}

/** The same object for the same number of calls: the limits port caches by it. */
const limitsPerMinute = new Map<number, Limit>();
function perMinute(points: number): Limit {
  let limit = limitsPerMinute.get(points);
  if (limit === undefined) {
    limit = { points, seconds: windowSeconds };
    limitsPerMinute.set(points, limit);
  }
  return limit;
}

export interface CountedCall {
  readonly limits: readonly CountedLimit[];
  /** Seconds until every limit has a point again; 0 where the call is admitted. */
  readonly waitSeconds: number;
}

/**
 * Counts a call of a key against each of its limits. A call that one limit refuses takes no point of the others, so that calls of one limited
 * operation do not exhaust the key's own limit.
 */
export async function countCall(limits: Limits, settings: Settings, key: ActiveKey, operation: string): Promise<CountedCall> {
  const applied = limitsOf(key, operation, settings);
  const states = await Promise.all(applied.map(({ counter, counterKey, limit }) => limits.count(counter, counterKey, limit)));
  const counted = applied.map(({ name, limit }, index) => ({ name, limit, state: states[index] as LimitState }));
  const waitSeconds = Math.max(0, ...states.map((state) => state.waitSeconds));
  if (waitSeconds > 0) {
    const taken = applied.filter((_limit, index) => states[index]?.waitSeconds === 0);
    await Promise.all(taken.map(({ counter, counterKey, limit }) => limits.giveBack(counter, counterKey, limit)));
  }
  return { limits: counted, waitSeconds };
}
