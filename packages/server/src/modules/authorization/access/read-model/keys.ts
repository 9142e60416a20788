import type { AuthorizationModel, PermissionNode, StoredRule } from "@gatehouse/policy";
import type { AccessScope } from "../model.ts";

/** The consumer that keeps the read model; its place is the lock that the read model is written under. */
export const projectorName = "access.read-model";
/** The dead-letter queue of single projection entries, by their keys. */
export const entriesConsumer = "access.projection-entries";

/** The parts that decisions are made from, under the cache keys of S3 §6.2. */
export const userKey = (userId: string): string => `iam:user:id:${userId}`;
export const tenantStatusKey = (organizationId: string): string => `iam:org:${organizationId}:status`;
export const membershipKey = (userId: string, organizationId: string | null): string =>
  organizationId === null ? `iam:membership:user:${userId}:internal` : `iam:membership:user:${userId}:org:${organizationId}`;
const rolePrefix = "iam:role:id:";
export const roleKey = (roleId: string): string => `${rolePrefix}${roleId}`;
export const isRoleKey = (key: string): boolean => key.startsWith(rolePrefix);
/** The role that a key is of; none where it is another kind's. */
export const roleIdOf = (key: string): readonly string[] => (isRoleKey(key) ? [key.slice(rolePrefix.length)] : []);
/** What the tenant's plan includes (S3 §26.1). */
export const entitlementsKey = (organizationId: string): string => `iam:org:${organizationId}:entitlements`;
/** The permission tree and the authorization model: one for the installation. */
export const policyKey = "iam:policy";

/**
 * A second line behind the mark: how long a shared copy keeps a part (S3 §27.1). What roles give is asked for by everybody who holds
 * them and changes seldom: the hour of the permission cache. What is about one user or organization is an entity: half an hour, so
 * that those who have gone leave sooner.
 */
export const cacheSecondsOf = (key: string): number => (key === policyKey || key.startsWith("iam:role:") ? cacheSecondsMax : 1_800);
export const cacheSecondsMax = 3_600;

/** What the product knows of a person, for conditions: `$user.email` and the others. */
export interface UserProfile {
  readonly email: string;
  readonly name: string;
  readonly firstName: string;
  readonly lastName: string;
  readonly locale: string;
}
export interface UserPart {
  readonly status: string;
  /** Missing in what a process of the release before has written. */
  readonly profile?: UserProfile;
}
export interface TenantPart {
  readonly status: string;
  readonly attributes?: Attributes;
}
export interface MembershipPart {
  readonly roleIds: readonly string[];
  /** What the organization has noted about its member, for conditions. */
  readonly attributes?: Attributes;
}
export type EntitlementsPart = Readonly<Record<string, unknown>>;
type Attributes = Readonly<Record<string, unknown>>;
export interface RolePart {
  readonly id: string;
  readonly name: string;
  readonly scope: AccessScope;
  readonly organizationId: string | null;
  /** A system role gives what the product says (`system.ts`); nothing is given to it. */
  readonly isSystem: boolean;
  /** The rules as they were given, in the order of their permissions. What follows from them below in the tree is not kept. */
  readonly given: readonly StoredRule[];
  /** Where processes of the release before look for what the role gives (`older-release.ts`). */
  readonly effective: string;
}
export interface PermissionEntry extends PermissionNode {
  readonly scope: AccessScope;
}
export interface PolicyPart {
  readonly permissions: readonly PermissionEntry[];
  readonly model: AuthorizationModel;
}

/**
 * Whether a stored value has the form of this release. One that a process of the release before has written, in a roll-out or after a
 * roll-back, counts as missing: it is denied with its own reason and put right at once.
 */
export function hasPresentForm(key: string, value: unknown): boolean {
  if (value === null) return true;
  if (isRoleKey(key)) return "isSystem" in (value as object);
  return key !== policyKey || (value as PolicyPart).permissions.every(({ scope }) => scope !== undefined);
}

/** Kept in place of a value that could not be computed: decisions that need it are denied with `permission_data_unavailable`. */
export const unavailableValue = { unavailable: true } as const;
export const isUnavailable = (value: unknown): boolean =>
  typeof value === "object" && value !== null && (value as { readonly unavailable?: unknown }).unavailable === true;
