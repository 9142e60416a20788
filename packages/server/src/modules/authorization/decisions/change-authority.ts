import type { Change } from "@gatehouse/policy";

/** Who may make a change: the holders of a permission, or a specific person. */
export interface ChangeAuthority {
  readonly scope: "Organization" | "Internal" | null;
  readonly permission: string | null;
  /** The person, if no permission allows the change. */
  readonly who: "the user" | "the owner of the credential" | null;
}

const holders = (inTenant: string, internal: string, tenantId: string | null): ChangeAuthority =>
  tenantId === null ? { scope: "Internal", permission: internal, who: null } : { scope: "Organization", permission: inTenant, who: null };
const operators = (permission: string): ChangeAuthority => ({ scope: "Internal", permission, who: null });
const person = (who: NonNullable<ChangeAuthority["who"]>): ChangeAuthority => ({ scope: null, permission: null, who });

interface SubjectOfChange {
  readonly isMember: boolean;
  readonly isService: boolean;
}

/** Who may make a change that an explanation proposes. A non-member gets a role with an invitation. */
export function authorityFor(change: Change, tenantId: string | null, { isMember, isService }: SubjectOfChange): ChangeAuthority {
  const ofService = isService ? holders("Organization.ManageServiceAccounts", "ServiceAccount.Manage", tenantId) : undefined;
  switch (change.kind) {
    case "give_role":
      if (ofService) return ofService;
      return holders(isMember ? "Organization.ChangeMemberRole" : "Organization.InviteMember", "InternalMember.Manage", tenantId);
    case "take_role":
      return ofService ?? holders("Organization.ChangeMemberRole", "InternalMember.Manage", tenantId);
    case "add_permission":
      return holders("Organization.ManageRoles", "InternalRole.Manage", tenantId);
    case "add_relationship":
    case "remove_relationship":
      return holders("Organization.ManageGrants", "InternalRole.Manage", tenantId);
    case "activate_user":
      return ofService ?? operators("User.SetStatus");
    case "activate_tenant":
      return operators("Tenant.SetStatus");
    case "entitlement":
      return operators("Tenant.SetEntitlements");
    case "widen_scopes":
      return person("the owner of the credential");
    case "stronger_session":
      return person("the user");
    case "meet_condition":
      return readsAttributes(change.condition)
        ? holders("Organization.ManageAttributes", "InternalRole.Manage", tenantId)
        : person("the user");
  }
}

/** Whether the condition reads attributes of the user or organization; else only a different request can meet it. */
function readsAttributes(trace: Extract<Change, { kind: "meet_condition" }>["condition"]): boolean {
  const names = Object.keys(trace.values ?? {});
  return names.some((name) => name.startsWith("$user.") || name.startsWith("$tenant.")) || (trace.parts ?? []).some(readsAttributes);
}
