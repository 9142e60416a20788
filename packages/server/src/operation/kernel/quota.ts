import { OperationError, QuotaExceeded } from "../declaration/errors.ts";

/** Refuses what would be more than `limit`. `field` is what the quota is of. */
export function requireWithinQuota(field: string, wanted: number, limit: number): void {
  if (wanted > limit) throw new OperationError(QuotaExceeded, [{ field, rule: "quota", message: `at most ${limit}`, limit }]);
}
