/** What is known of a role: its name, and every permission that holding it gives, the ones below a parent included. */
export interface RoleFacts {
  readonly id: string;
  readonly name: string;
  readonly permissions: ReadonlySet<string>;
}

/** Facts about one subject in one scope, as the read model keeps them. `undefined` stands for a fact that is not there. */
export interface SubjectFacts {
  readonly userStatus: string | undefined;
  /** `Active` in the internal scope, which has no organization that could be suspended. */
  readonly tenantStatus: string | undefined;
  /** The roles of the membership; undefined without a membership. A role whose facts are not there is undefined. */
  readonly roles: readonly (RoleFacts | undefined)[] | undefined;
}

/** The part that decided. */
export type DecisionReason =
  | "role"
  | "not_a_member"
  | "user_inactive"
  | "organization_suspended"
  | "missing_permission"
  | "permission_data_unavailable";

export interface Decision {
  readonly allowed: boolean;
  readonly reason: DecisionReason;
  /** The role that allowed. */
  readonly role?: RoleFacts;
}

const active = "Active";

const notAMember: Decision = { allowed: false, reason: "not_a_member" };
const userInactive: Decision = { allowed: false, reason: "user_inactive" };
const organizationSuspended: Decision = { allowed: false, reason: "organization_suspended" };
const missingPermission: Decision = { allowed: false, reason: "missing_permission" };
const dataUnavailable: Decision = { allowed: false, reason: "permission_data_unavailable" };

/**
 * Decides whether the subject may perform `action`. Denies by default: what is not known is not allowed, and a role
 * that is known to allow is not enough while the user or the organization is not active.
 */
export function decide(facts: SubjectFacts, action: string): Decision {
  if (facts.roles === undefined || facts.roles.length === 0) return notAMember;
  if (facts.userStatus === undefined || facts.tenantStatus === undefined) return dataUnavailable;
  if (facts.userStatus !== active) return userInactive;
  if (facts.tenantStatus !== active) return organizationSuspended;
  let complete = true;
  for (const role of facts.roles) {
    if (role === undefined) complete = false;
    else if (role.permissions.has(action)) return { allowed: true, reason: "role", role };
  }
  return complete ? missingPermission : dataUnavailable;
}
