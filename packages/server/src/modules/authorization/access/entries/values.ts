import type { AuthorizationModel, PermissionNode, StoredRule } from "@gatehouse/policy";
import type { AccessScope } from "../model.ts";

/** What the product itself knows of a user, for conditions: `$user.email` and the others. */
export interface UserProfile {
  readonly email: string;
  readonly name: string;
  readonly firstName: string;
  readonly lastName: string;
  readonly locale: string;
}
/** Of a user or a service account. */
export interface UserEntry {
  readonly status: string;
  /** Absent of a user. */
  readonly kind?: "service";
  /** Missing in entries of the release before, and of a service account. */
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
