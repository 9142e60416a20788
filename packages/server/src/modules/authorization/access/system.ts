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
  { value: "Organization.ManageOwners", description: "Add and remove owners" },
  { value: "Organization.ReadMembers", description: "See the members" },
  { value: "Organization.InviteMember", description: "Invite people, and revoke invitations" },
  { value: "Organization.ChangeMemberRole", description: "Change the roles of members" },
  { value: "Organization.RemoveMember", description: "Remove members" },
  { value: "Organization.ReadRoles", description: "See the roles" },
  { value: "Organization.ManageRoles", description: "Make, change and delete roles" },
  { value: "Organization.ReadServiceAccounts", description: "See the service accounts" },
  {
    value: "Organization.ManageServiceAccounts",
    description: "Make, change and delete service accounts, with roles whose permissions the caller holds",
  },
  { value: "Organization.ReadGrants", description: "See grants on single resources" },
  { value: "Organization.ManageGrants", description: "Make, change and revoke grants on single resources" },
  { value: "Organization.ReadAttributes", description: "See the attributes of the organization and its members" },
  { value: "Organization.ManageAttributes", description: "Set the attributes of the organization and its members that conditions read" },
  { value: "Organization.ReadAuditLog", description: "See who did what in the organization" },
  { value: "Organization.ExportAuditLog", description: "Export the organization's audit log" },
  { value: "Organization.WriteAuditEvents", description: "Record an application's events in the organization's audit log" },
  { value: "Organization.CheckAccess", description: "Check what any member may do, and why" },
  { value: "Organization.ImpersonateMember", description: "Act as a member, within one's own permissions" },
  { value: "Organization.ActForMembers", description: "As a service, act for members who have passed on their token" },
  { value: "Organization.ReadApiKeys", description: "See the organization's API keys and how they are used" },
  { value: "Organization.ManageApiKeys", description: "Make API keys of service accounts, and change and revoke every API key" },
  { value: "Organization.VerifyApiKeys", description: "Verify API keys that an application received" },
  { value: "Organization.ReadClients", description: "See the organization's OAuth clients" },
  {
    value: "Organization.ManageClients",
    description: "Make, change and delete OAuth clients, with scopes that the caller holds",
  },
];

const internal: readonly SystemPermission[] = [
  { value: "Authorization", description: "Everything about decisions" },
  { value: "Authorization.Check", description: "Check what any user may do" },
  { value: "Authorization.ManageModel", description: "Replace the authorization model" },
  { value: "User", description: "Everything about users" },
  { value: "User.Read", description: "See users" },
  { value: "User.Impersonate", description: "Act as a member of any organization" },
  { value: "User.ActFor", description: "As a service, act in the internal scope for users who have passed on their token" },
  { value: "User.SetStatus", description: "Suspend and reactivate users" },
  { value: "Permission", description: "Everything about permission definitions" },
  { value: "Permission.Read", description: "See internal permission definitions" },
  { value: "Permission.Manage", description: "Define, change and delete permissions" },
  { value: "Tenant", description: "Everything about organizations as tenants" },
  { value: "Tenant.Read", description: "See every organization" },
  { value: "Tenant.Update", description: "Change the settings of every organization" },
  { value: "Tenant.SetStatus", description: "Suspend and reactivate organizations" },
  { value: "Tenant.SetEntitlements", description: "Set the entitlements of organizations" },
  { value: "ApiKey", description: "Everything about API keys of the internal scope" },
  { value: "ApiKey.Read", description: "See API keys of the internal scope and how they are used" },
  { value: "ApiKey.Manage", description: "Make API keys of internal service accounts, and change and revoke those of the internal scope" },
  { value: "ApiKey.Verify", description: "Verify API keys of every organization" },
  { value: "Token", description: "Everything about tokens" },
  { value: "Token.Issue", description: "As a sign-in service, issue tokens to users whom it has authenticated" },
  { value: "Token.Revoke", description: "Revoke tokens and sessions of every user" },
  { value: "Token.ManageKeys", description: "See and rotate the signing keys of access tokens" },
  { value: "AuditLog", description: "Everything about the audit logs of every organization" },
  { value: "AuditLog.Read", description: "See who did what, everywhere" },
  { value: "AuditLog.Export", description: "Export audit logs" },
  { value: "AuditLog.Write", description: "Record an application's events in the internal audit log" },
  { value: "AuditLog.Erase", description: "Erase a person's data from the audit logs" },
  { value: "Client", description: "Everything about global OAuth clients" },
  { value: "Client.Read", description: "See global OAuth clients" },
  { value: "Client.Manage", description: "Make, change and delete global OAuth clients, also those that skip the consent of users" },
  { value: "InternalRole", description: "Everything about internal roles" },
  { value: "InternalRole.Read", description: "See internal roles" },
  { value: "InternalRole.Manage", description: "Make, change and delete internal roles" },
  { value: "ServiceAccount", description: "Everything about internal service accounts" },
  { value: "ServiceAccount.Read", description: "See internal service accounts" },
  {
    value: "ServiceAccount.Manage",
    description: "Make, change and delete internal service accounts, with roles whose permissions the caller holds",
  },
  { value: "InternalMember", description: "Everything about internal members" },
  { value: "InternalMember.Read", description: "See who holds internal roles" },
  { value: "InternalMember.Manage", description: "Assign and remove internal roles" },
];

export const systemPermissions: Readonly<Record<AccessScope, readonly SystemPermission[]>> = {
  Organization: organization,
  Internal: internal,
};

const systemValues = new Set([...organization, ...internal].map(({ value }) => value));
/** Whether a permission is the product's own. */
export const isSystemPermission = (value: string): boolean => systemValues.has(value);

/** Its holders can remove any requirement, so no requirement may lock them out of it. */
export const manageModel = "Authorization.ManageModel";

/** Permissions of owners only: an Admin with one of them could become an owner. The root includes all below it. */
const ownersOnly = new Set(["Organization", "Organization.ManageOwners"]);
const ofMembers = new Set(["Organization.Read", "Organization.ReadMembers", "Organization.ReadRoles"]);

/** A role of the product. A predicate over all permissions defines what it allows, so that it covers new ones. */
export interface SystemRoleDefinition {
  readonly name: string;
  readonly scope: AccessScope;
  readonly description: string;
  /** Whether the role allows a permission of its scope. */
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
    gives: (value) => ofMembers.has(value),
  },
  { name: administratorRole, scope: "Internal", description: "Everything in the internal scope", gives: () => true },
];

/** Whether a role has every permission of its scope. */
export const isTopRole = ({ name, isSystem }: { readonly name: string; readonly isSystem: boolean }): boolean =>
  isSystem && (name === ownerRole || name === administratorRole);

export const systemRoleNamed = (name: string, scope: AccessScope): SystemRoleDefinition | undefined =>
  systemRoles.find((role) => role.name === name && role.scope === scope);
