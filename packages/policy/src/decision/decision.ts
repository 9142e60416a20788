import type { RoleFacts } from "../model/role.ts";

/** The reason of a decision; decision 0019 defines their precedence. */
export type DecisionReason =
  | "role"
  | "grant"
  | "permission_data_unavailable"
  | "not_a_member"
  | "user_inactive"
  | "organization_suspended"
  | "key_scope"
  | "session_strength"
  | "explicit_deny"
  | "condition"
  | "missing_permission"
  | "entitlement_data_unavailable"
  | "entitlement";

/** The component of the policy that decided. */
export type DecidingPart =
  | "membership"
  | "status"
  | "role"
  | "permission"
  | "condition"
  | "grant"
  | "entitlement"
  | "key_scope"
  | "session_strength"
  | "data";

export const partOf: Readonly<Record<DecisionReason, DecidingPart>> = {
  role: "role",
  grant: "grant",
  permission_data_unavailable: "data",
  not_a_member: "membership",
  user_inactive: "status",
  organization_suspended: "status",
  key_scope: "key_scope",
  session_strength: "session_strength",
  explicit_deny: "permission",
  condition: "condition",
  missing_permission: "permission",
  entitlement_data_unavailable: "data",
  entitlement: "entitlement",
};

export interface Decision {
  readonly allowed: boolean;
  readonly reason: DecisionReason;
  /** The role that allowed or denied. */
  readonly role?: RoleFacts;
}

/** The decision waits for relationships that were requested from the reader. */
export const pendingDecision = Symbol("pending");
export type Pending = typeof pendingDecision;

/** Shared decisions without a role, which avoid allocations. */
export const denied = {
  dataUnavailable: { allowed: false, reason: "permission_data_unavailable" },
  notAMember: { allowed: false, reason: "not_a_member" },
  userInactive: { allowed: false, reason: "user_inactive" },
  organizationSuspended: { allowed: false, reason: "organization_suspended" },
  keyScope: { allowed: false, reason: "key_scope" },
  sessionStrength: { allowed: false, reason: "session_strength" },
  explicitly: { allowed: false, reason: "explicit_deny" },
  condition: { allowed: false, reason: "condition" },
  missingPermission: { allowed: false, reason: "missing_permission" },
  entitlementDataUnavailable: { allowed: false, reason: "entitlement_data_unavailable" },
  entitlement: { allowed: false, reason: "entitlement" },
} as const satisfies Record<string, Decision>;

export const allowedByGrant: Decision = { allowed: true, reason: "grant" };
