import { type PolicyEntry, parseKey, policyKey } from "#modules/authorization/access/index.ts";

/**
 * The TTL of an entry in the Redis snapshot, in addition to the protection by its watermark. An hour for roles and the policy, which all
 * holders share and which change rarely. Half an hour for users and organizations, so that inactive ones expire sooner.
 */
export const cacheSecondsOf = (key: string): number => (key === policyKey || key.startsWith("iam:role:") ? cacheSecondsMax : 1_800);
export const cacheSecondsMax = 3_600;

/**
 * Whether a stored value has the form of this release. A value that a process of the previous release wrote, in a roll-out or after a
 * roll-back, counts as missing: the check is denied with its own reason, and the entry is recomputed at once.
 */
export function hasPresentForm(key: string, value: unknown): boolean {
  if (value === null) return true;
  if (parseKey(key)?.kind === "role") return "isSystem" in (value as object);
  return key !== policyKey || (value as PolicyEntry).permissions.every(({ scope }) => scope !== undefined);
}

/** Stored instead of a value that could not be computed: decisions that need it are denied with `permission_data_unavailable`. */
export const unavailableValue = { unavailable: true } as const;
export const isUnavailable = (value: unknown): boolean =>
  typeof value === "object" && value !== null && (value as { readonly unavailable?: unknown }).unavailable === true;
