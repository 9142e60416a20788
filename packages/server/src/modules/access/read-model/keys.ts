import type { AuthorizationModel, EffectiveRule, PermissionNode } from "@gatehouse/policy";

/** The consumer that keeps the read model; its place is the lock that the read model is written under. */
export const projectorName = "access.read-model";
/** The dead-letter queue of single projection entries, by their keys. */
export const entriesConsumer = "access.projection-entries";

/** The parts that decisions are made from, under the cache keys of S3 §6.2. */
export const userKey = (userId: string): string => `iam:user:id:${userId}`;
export const tenantStatusKey = (organizationId: string): string => `iam:org:${organizationId}:status`;
export const membershipKey = (userId: string, organizationId: string | null): string =>
  organizationId === null ? `iam:membership:user:${userId}:internal` : `iam:membership:user:${userId}:org:${organizationId}`;
export const roleKey = (roleId: string): string => `iam:role:id:${roleId}`;
export const effectiveKey = (roleId: string): string => `iam:role:${roleId}:effective_permissions`;
/** What a system role gives is the same in every organization, so it is kept once and not once an organization. */
export const systemEffectiveKey = (scope: string, name: string): string => `iam:role:system:${scope}:${name}:effective_permissions`;
/** What the tenant's plan includes (S3 §26.1). */
export const entitlementsKey = (organizationId: string): string => `iam:org:${organizationId}:entitlements`;
/** The permission tree and the authorization model: one for the installation. */
export const policyKey = "iam:policy";

export const isEffectiveKey = (key: string): boolean => key.endsWith(":effective_permissions");

/** Stands for the lists of every role: which ones a change of the tree touches is found out by the projector. */
export const everyEffectiveList = "iam:role:*:effective_permissions";

/**
 * A second line behind the mark: how long a shared copy keeps a part (S3 §27.1). What roles give is asked for by everybody who holds
 * them and changes seldom: the hour of the permission cache. What is about one user or organization is an entity: half an hour, so
 * that those who have gone leave sooner.
 */
export const cacheSecondsOf = (key: string): number => (key === policyKey || key.startsWith("iam:role:") ? 3_600 : 1_800);

export interface UserPart {
  readonly status: string;
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
  readonly scope: string;
  readonly organizationId: string | null;
  /** The key of the list with everything that the role gives. */
  readonly effective: string;
}
/** Values that the role gives without a condition, and rules for the rest; a JSON array as S3 has it. */
export type EffectivePart = readonly EffectiveRule[];
export interface PolicyPart {
  readonly permissions: readonly PermissionNode[];
  readonly model: AuthorizationModel;
}
