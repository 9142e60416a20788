import type { AuthorizationModel, PermissionNode, StoredRule } from "@gatehouse/policy";
import type { AccessScope } from "../model.ts";

/** The parts that decisions are made from, under their cache keys. */
export const userKey = (userId: string): string => `iam:user:id:${userId}`;
export const tenantStatusKey = (organizationId: string): string => `iam:org:${organizationId}:status`;
export const membershipKey = (userId: string, organizationId: string | null): string =>
  organizationId === null ? `iam:membership:user:${userId}:internal` : `iam:membership:user:${userId}:org:${organizationId}`;
const rolePrefix = "iam:role:id:";
export const roleKey = (roleId: string): string => `${rolePrefix}${roleId}`;
export const isRoleKey = (key: string): boolean => key.startsWith(rolePrefix);
/** The role that a key is of; none where it is another kind's. */
export const roleIdOf = (key: string): readonly string[] => (isRoleKey(key) ? [key.slice(rolePrefix.length)] : []);
/** What the tenant's plan includes. */
export const entitlementsKey = (organizationId: string): string => `iam:org:${organizationId}:entitlements`;
/** The permission tree and the authorization model: one for the installation. */
export const policyKey = "iam:policy";

/** What the product knows of a person, for conditions: `$user.email` and the others. */
export interface UserProfile {
  readonly email: string;
  readonly name: string;
  readonly firstName: string;
  readonly lastName: string;
  readonly locale: string;
}
export interface UserEntry {
  readonly status: string;
  /** Missing in what a process of the release before has written. */
  readonly profile?: UserProfile;
}
export interface TenantEntry {
  readonly status: string;
  readonly attributes?: Attributes;
}
export interface MembershipEntry {
  readonly roleIds: readonly string[];
  /** What the organization has noted about its member, for conditions. */
  readonly attributes?: Attributes;
}
export type EntitlementsEntry = Readonly<Record<string, unknown>>;
type Attributes = Readonly<Record<string, unknown>>;
export interface RoleEntry {
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
export interface PolicyEntry {
  readonly permissions: readonly PermissionEntry[];
  readonly model: AuthorizationModel;
}
