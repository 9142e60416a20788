import type { AuthorizationModel, PermissionNode, StoredRule } from "@gatehouse/policy";
import type { AccessScope } from "../model.ts";

/** The user's profile, for conditions: `$user.email` and others. */
export interface UserProfile {
  readonly email: string;
  readonly name: string;
  readonly firstName: string;
  readonly lastName: string;
  readonly locale: string;
}
/** The entry of a user or a service account. */
export interface UserEntry {
  readonly status: string;
  /** Absent for a user. */
  readonly kind?: "service";
  /** Missing for a service account, and in entries of the previous release. */
  readonly profile?: UserProfile;
}
export interface TenantEntry {
  readonly status: string;
  readonly attributes?: Attributes;
}
export interface MembershipEntry {
  readonly roleIds: readonly string[];
  /** Attributes that the organization set for its member, for conditions. */
  readonly attributes?: Attributes;
}
export type EntitlementsEntry = Readonly<Record<string, unknown>>;
type Attributes = Readonly<Record<string, unknown>>;
export interface RoleEntry {
  readonly id: string;
  readonly name: string;
  readonly scope: AccessScope;
  readonly organizationId: string | null;
  /** A predicate defines what a system role allows (`system.ts`); it has no stored rules. */
  readonly isSystem: boolean;
  /** The role's rules in the order of their permissions, not expanded over the tree. */
  readonly given: readonly StoredRule[];
  /** The key under which processes of the previous release read the role's permissions (`older-release.ts`). */
  readonly effective: string;
}
export interface PermissionEntry extends PermissionNode {
  readonly scope: AccessScope;
}
export interface PolicyEntry {
  readonly permissions: readonly PermissionEntry[];
  readonly model: AuthorizationModel;
}
