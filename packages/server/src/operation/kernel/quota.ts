import { OperationError, QuotaExceeded } from "../declaration/errors.ts";

/** Throws `common.quota_exceeded` where `wanted` exceeds `limit`. `field` names the quota. */
export function requireWithinQuota(field: string, wanted: number, limit: number): void {
  if (wanted > limit) throw new OperationError(QuotaExceeded, [{ field, rule: "quota", message: `at most ${limit}`, limit }]);
}
