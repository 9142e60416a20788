import type { CountedLimit } from "#operation/declaration/rate-limit-fields.ts";
import type { Limit, Limits } from "#platform/limits/limits.ts";
import type { Settings } from "#platform/settings.ts";
import type { ActiveKey } from "./key-cache.ts";

const windowSeconds = 60;

interface KeyLimit {
  /** As the policy is named in `RateLimit-Policy`. */
  readonly name: "default" | "key" | "operation";
  /** Names the counter. */
  readonly counter: string;
  readonly limit: Limit;
}

/** The limits of a call: the installation's for every key, the key's own, and that of the operation. */
function limitsOf({ limit, operationLimits }: ActiveKey, operation: string, { apiKeyCallsPerMinute }: Settings): readonly KeyLimit[] {
  const limits: KeyLimit[] = [];
  if (apiKeyCallsPerMinute > 0)
    limits.push({ name: "default", counter: "API key default", limit: { points: apiKeyCallsPerMinute, seconds: windowSeconds } });
  if (limit !== undefined) limits.push({ name: "key", counter: "API key", limit });
  const ofOperation = operationLimits.get(operation);
  if (ofOperation !== undefined) limits.push({ name: "operation", counter: `API key ${operation}`, limit: ofOperation });
  return limits;
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
  const counted = await Promise.all(
    limitsOf(key, operation, settings).map(async (each) => ({
      ...each,
      state: await limits.count(each.counter, key.familyId, each.limit),
    })),
  );
  const waitSeconds = Math.max(0, ...counted.map(({ state }) => state.waitSeconds));
  if (waitSeconds > 0) {
    const taken = counted.filter(({ state }) => state.waitSeconds === 0);
    await Promise.all(taken.map(({ counter, limit }) => limits.giveBack(counter, key.familyId, limit)));
  }
  return { limits: counted.map(({ name, limit, state }) => ({ name, limit, state })), waitSeconds };
}
