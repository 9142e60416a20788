import { takeByAddress } from "#platform/limits/by-address.ts";
import type { Platform } from "#platform/platform.ts";
import { OperationError, TooManyRequests } from "../declaration/errors.ts";
import type { Operation, RateLimit } from "../declaration/operation.ts";
import { credentialKey, isIdentified, isSystemOrOperator, type Principal, principalKey } from "../declaration/principal.ts";
import { familyOf } from "../declaration/versions.ts";
import type { Call } from "./dispatch.ts";
import { after, type MaybePromise } from "./maybe-promise.ts";

type RateLimitDependencies = Pick<Platform, "limits" | "settings">;

/**
 * Takes one point of the operation's rate limit, which all versions of the operation share. Throws `common.too_many_requests` where the
 * limit is exhausted.
 */
export function takeRateLimit(platform: RateLimitDependencies, { name, limit }: Operation, call: Call): MaybePromise<void> {
  if (limit === undefined || isSystemOrOperator(call.principal)) return;
  return after(secondsToWait(platform, familyOf(name), limit, call), (wait) => {
    if (wait > 0) throw new OperationError(TooManyRequests, [], { retryAfterSeconds: wait });
  });
}

function secondsToWait(
  { limits, settings }: RateLimitDependencies,
  family: string,
  limit: RateLimit,
  { principal, origin }: Call,
): MaybePromise<number> {
  const key = keyOf(principal, limit.per);
  if (key !== undefined) return limits.take(family, key, limit);
  return settings.signInLimit === "off" ? 0 : takeByAddress(limits, family, origin.ip, limit);
}

/** Undefined where calls are counted by address: an anonymous caller has no other key. */
function keyOf(principal: Principal, per: RateLimit["per"]): string | undefined {
  if (per === "address" || !isIdentified(principal)) return undefined;
  return per === "principal" ? principalKey(principal) : credentialKey(principal);
}
