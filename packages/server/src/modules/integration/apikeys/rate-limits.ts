import type { CountedLimit } from "#operation/declaration/rate-limit-fields.ts";
import type { Limit, LimitState, Limits } from "#platform/limits/limits.ts";
import type { Settings } from "#platform/settings.ts";
import type { ActiveKey } from "./key-cache.ts";

const windowSeconds = 60;

interface KeyLimit {
  /** As the policy is named in `RateLimit-Policy`. */
  readonly name: "global" | "default" | "key" | "operation";
  /** The counter: its name, and whose it is. */
  readonly counter: string;
  readonly of: string;
  readonly limit: Limit;
}

/** The limits of a call: of all keys together, of every key, the key's own, and that of the operation. */
function limitsOf({ familyId, limit, operationLimits }: ActiveKey, operation: string, settings: Settings): readonly KeyLimit[] {
  const { apiKeysCallsPerMinute, apiKeyCallsPerMinute } = settings;
  const limits: KeyLimit[] = [];
  if (apiKeysCallsPerMinute > 0) limits.push({ name: "global", counter: "API keys", of: "all", limit: perMinute(apiKeysCallsPerMinute) });
  if (apiKeyCallsPerMinute > 0)
    limits.push({ name: "default", counter: "API key default", of: familyId, limit: perMinute(apiKeyCallsPerMinute) });
  if (limit !== undefined) limits.push({ name: "key", counter: "API key", of: familyId, limit });
  const ofOperation = operationLimits.get(operation);
  if (ofOperation !== undefined) limits.push({ name: "operation", counter: `API key ${operation}`, of: familyId, limit: ofOperation });
  return limits;
}

/** Of each number of calls the same object: it is looked up on every call. */
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
  /** Seconds to wait until no limit is used up; 0 where the call may go on. */
  readonly waitSeconds: number;
}

/**
 * Counts a call of a key against each of its limits. A call that one of them refuses has taken nothing of the others, so that a limit of one
 * operation does not use up what the key may call beside it.
 */
export async function countCall(limits: Limits, settings: Settings, key: ActiveKey, operation: string): Promise<CountedCall> {
  const applied = limitsOf(key, operation, settings);
  const states = await Promise.all(applied.map(({ counter, of, limit }) => limits.count(counter, of, limit)));
  const counted = applied.map(({ name, limit }, index) => ({ name, limit, state: states[index] as LimitState }));
  const waitSeconds = Math.max(0, ...states.map((state) => state.waitSeconds));
  if (waitSeconds > 0) {
    const taken = applied.filter((_limit, index) => states[index]?.waitSeconds === 0);
    await Promise.all(taken.map(({ counter, of, limit }) => limits.giveBack(counter, of, limit)));
  }
  return { limits: counted, waitSeconds };
}
