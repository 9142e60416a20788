import type { AccessScope } from "./model.ts";

/** A permission of the product itself. */
export interface SystemPermission {
  readonly value: string;
  readonly description: string;
}

const organization: readonly SystemPermission[] = [
  { value: "Organization", description: "Everything about the organization itself" },
  { value: "Organization.Read", description: "See the organization's settings" },
  { value: "Organization.Update", description: "Change the organization's settings" },
  { value: "Organization.ManageOwners", description: "Make and unmake owners" },
  { value: "Organization.ReadMembers", description: "See the members" },
  { value: "Organization.InviteMember", description: "Invite people, and revoke invitations" },
  { value: "Organization.ChangeMemberRole", description: "Change the roles of members" },
  { value: "Organization.RemoveMember", description: "Remove members" },
  { value: "Organization.ReadRoles", description: "See the roles" },
  { value: "Organization.ManageRoles", description: "Make, change and delete roles" },
  { value: "Organization.ReadServiceAccounts", description: "See the service accounts" },
  {
    value: "Organization.ManageServiceAccounts",
    description: "Make, change and delete service accounts, with roles that one holds oneself",
  },
  { value: "Organization.ReadGrants", description: "See grants on single resources" },
  { value: "Organization.ManageGrants", description: "Make, change and revoke grants on single resources" },
  { value: "Organization.ReadAttributes", description: "See what is noted about the organization and its members" },
  { value: "Organization.ManageAttributes", description: "Note what conditions read about the organization and its members" },
  { value: "Organization.ReadAuditLog", description: "See who did what in the organization" },
  { value: "Organization.ExportAuditLog", description: "Take the organization's audit log along" },
  { value: "Organization.WriteAuditEvents", description: "Record an application's events in the organization's audit log" },
  { value: "Organization.CheckAccess", description: "Ask what any member may do, and why" },
  { value: "Organization.ReadApiKeys", description: "See the organization's API keys and how they are used" },
  { value: "Organization.ManageApiKeys", description: "Make API keys of service accounts, and change and revoke every API key" },
  { value: "Organization.VerifyApiKeys", description: "Verify API keys that an application was called with" },
];

const internal: readonly SystemPermission[] = [
  { value: "Authorization", description: "Everything about decisions" },
  { value: "Authorization.Check", description: "Ask what any user may do" },
  { value: "Authorization.ManageModel", description: "Replace the authorization model" },
  { value: "User", description: "Everything about users" },
  { value: "User.Read", description: "See users" },
  { value: "User.SetStatus", description: "Suspend users and let them in again" },
  { value: "Permission", description: "Everything about permission definitions" },
  { value: "Permission.Read", description: "See internal permission definitions" },
  { value: "Permission.Manage", description: "Define, change and delete permissions" },
  { value: "Tenant", description: "Everything about organizations as tenants" },
  { value: "Tenant.Read", description: "See every organization" },
  { value: "Tenant.Update", description: "Change the settings of every organization" },
  { value: "Tenant.SetStatus", description: "Suspend organizations and let them in again" },
  { value: "Tenant.SetEntitlements", description: "Say what organizations' plans include" },
  { value: "ApiKey", description: "Everything about API keys of the internal scope" },
  { value: "ApiKey.Read", description: "See API keys of the internal scope and how they are used" },
  { value: "ApiKey.Manage", description: "Make API keys of internal service accounts, and change and revoke those of the internal scope" },
  { value: "ApiKey.Verify", description: "Verify API keys of every organization" },
  { value: "AuditLog", description: "Everything about the audit logs of every organization" },
  { value: "AuditLog.Read", description: "See who did what, everywhere" },
  { value: "AuditLog.Export", description: "Take audit logs along" },
  { value: "AuditLog.Write", description: "Record an application's events in the internal audit log" },
  { value: "AuditLog.Erase", description: "Erase a person's data from the audit logs" },
  { value: "InternalRole", description: "Everything about internal roles" },
  { value: "InternalRole.Read", description: "See internal roles" },
  { value: "InternalRole.Manage", description: "Make, change and delete internal roles" },
  { value: "ServiceAccount", description: "Everything about internal service accounts" },
  { value: "ServiceAccount.Read", description: "See internal service accounts" },
  { value: "ServiceAccount.Manage", description: "Make, change and delete internal service accounts, with roles that one holds oneself" },
  { value: "InternalMember", description: "Everything about internal members" },
  { value: "InternalMember.Read", description: "See who holds internal roles" },
  { value: "InternalMember.Manage", description: "Give and take internal roles" },
];

export const systemPermissions: Readonly<Record<AccessScope, readonly SystemPermission[]>> = {
  Organization: organization,
  Internal: internal,
};

const systemValues = new Set([...organization, ...internal].map(({ value }) => value));
/** Whether a permission is the product's own. */
export const isSystemPermission = (value: string): boolean => systemValues.has(value);

/** Who holds this can take any requirement back, so it must stay within reach of its holders. */
export const manageModel = "Authorization.ManageModel";

/** Only owners: with these, an administrator could become one. The root of the tree holds them too. */
const ownersOnly = new Set(["Organization", "Organization.ManageOwners"]);
const memberHolds = new Set(["Organization.Read", "Organization.ReadMembers", "Organization.ReadRoles"]);

/** A role that comes with the product. What it gives is a rule over all definitions, so that new ones are covered. */
export interface SystemRoleDefinition {
  readonly name: string;
  readonly scope: AccessScope;
  readonly description: string;
  /** Whether holding the role gives a permission of its scope. */
  gives(value: string): boolean;
}

export const ownerRole = "Owner";
export const administratorRole = "Administrator";

export const systemRoles: readonly SystemRoleDefinition[] = [
  { name: ownerRole, scope: "Organization", description: "Everything in the organization", gives: () => true },
  {
    name: "Admin",
    scope: "Organization",
    description: "Everything in the organization but making owners",
    gives: (value) => !ownersOnly.has(value),
  },
  {
    name: "Member",
    scope: "Organization",
    description: "Seeing the organization, its members and its roles",
    gives: (value) => memberHolds.has(value),
  },
  { name: administratorRole, scope: "Internal", description: "Everything in the internal scope", gives: () => true },
];

/** Whether a role holds everything in its scope. */
export const isTopRole = ({ name, isSystem }: { readonly name: string; readonly isSystem: boolean }): boolean =>
  isSystem && (name === ownerRole || name === administratorRole);

export const systemRoleNamed = (name: string, scope: AccessScope): SystemRoleDefinition | undefined =>
  systemRoles.find((role) => role.name === name && role.scope === scope);
