import { type PolicyEntry, parseKey, policyKey } from "#modules/authorization/access/index.ts";

/**
 * How long the Redis snapshot keeps an entry, as a second line behind its watermark. What roles give is read for everybody who holds
 * them and changes seldom: the hour of the permission cache. What is about one user or organization is an entity: half an hour, so
 * that those who have gone leave sooner.
 */
export const cacheSecondsOf = (key: string): number => (key === policyKey || key.startsWith("iam:role:") ? cacheSecondsMax : 1_800);
export const cacheSecondsMax = 3_600;

/**
 * Whether a stored value has the form of this release. One that a process of the release before has written, in a roll-out or after a
 * roll-back, counts as missing: it is denied with its own reason and put right at once.
 */
export function hasPresentForm(key: string, value: unknown): boolean {
  if (value === null) return true;
  if (parseKey(key)?.kind === "role") return "isSystem" in (value as object);
  return key !== policyKey || (value as PolicyEntry).permissions.every(({ scope }) => scope !== undefined);
}

/** Kept in place of a value that could not be computed: decisions that need it are denied with `permission_data_unavailable`. */
export const unavailableValue = { unavailable: true } as const;
export const isUnavailable = (value: unknown): boolean =>
  typeof value === "object" && value !== null && (value as { readonly unavailable?: unknown }).unavailable === true;
