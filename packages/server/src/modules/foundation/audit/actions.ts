/** What an operation is called in the trail, and how it counts (S3 §26.3). */
export interface Action {
  /** `User.Login`. */
  readonly action: string;
  readonly category: Category;
  /** Of a success; what was refused or failed is a warning at least. */
  readonly severity: Severity;
  /** What it acts on; its id is the address's, the answer's, or what the use case says. */
  readonly entity?: string;
  /** Who calls has no session yet; where it succeeds, it was the user whom it acts on. */
  readonly byHimself?: true;
}

export const categories = ["Security", "Business", "DataAccess", "System"] as const;
export type Category = (typeof categories)[number];
export const severities = ["Info", "Warning", "Critical"] as const;
export type Severity = (typeof severities)[number];

const row = (category: Category, severity: Severity, action: string, entity?: string): Action =>
  entity === undefined ? { action, category, severity } : { action, category, severity, entity };

/**
 * Every command, and every query that is noted; a test fails for one that is missing. S3's own: a sign-in is Security and Info, a
 * registration Business and Info, what changes rights Security and Warning. What changes the rights of the installation itself, or
 * takes from the trail, is Critical (S3 §16.4, critical permission changes).
 */
export const actions: Readonly<Record<string, Action>> = {
  "authentication.login": { ...row("Security", "Info", "User.Login", "User"), byHimself: true },
  "authentication.pruneTokens": row("System", "Info", "OneTimeTokens.Pruned"),
  "sessions.logout": row("Security", "Info", "User.Logout", "Session"),
  "sessions.endSession": row("Security", "Info", "Session.Ended", "Session"),
  "sessions.endOtherSessions": row("Security", "Info", "Session.OthersEnded", "User"),
  "sessions.endSessionsOfUser": row("Security", "Warning", "Session.EndedForUser", "User"),
  "sessions.endAllSessions": row("Security", "Critical", "Session.EndedForAll"),
  "sessions.removeOverSessions": row("System", "Info", "Session.OverRemoved"),

  "identity.register": row("Business", "Info", "User.Registered", "User"),
  "identity.verifyEmail": { ...row("Security", "Info", "User.EmailVerified", "User"), byHimself: true },
  "identity.forgotPassword": row("Security", "Info", "User.PasswordResetRequested"),
  "identity.startPasswordReset": row("System", "Info", "User.PasswordResetStarted"),
  "identity.resetPassword": row("Security", "Warning", "User.PasswordChanged", "User"),
  "identity.resendConfirmation": row("Security", "Info", "User.ConfirmationRequested"),
  "identity.startConfirmation": row("System", "Info", "User.ConfirmationStarted"),
  "identity.recordUndeliverable": row("System", "Warning", "User.MailUndeliverable", "User"),
  "identity.resendMail": row("Security", "Info", "User.MailResent", "User"),
  "identity.resendMyMail": row("Business", "Info", "User.MailResent", "User"),
  "identity.updateMe": row("Business", "Info", "User.ProfileUpdated", "User"),
  "identity.setUserStatus": row("Security", "Warning", "User.StatusChanged", "User"),
  "identity.listUsers": row("DataAccess", "Info", "User.Listed"),
  "identity.getUser": row("DataAccess", "Info", "User.Read", "User"),

  "tenancy.createOrganization": row("Business", "Info", "Organization.Created", "Organization"),
  "tenancy.updateOrganization": row("Business", "Info", "Organization.Updated", "Organization"),
  "tenancy.inviteMember": row("Security", "Info", "Member.Invited", "Invitation"),
  "tenancy.acceptInvitation": row("Security", "Info", "Invitation.Accepted", "Invitation"),
  "tenancy.revokeInvitation": row("Security", "Info", "Invitation.Revoked", "Invitation"),
  "tenancy.expireInvitations": row("System", "Info", "Invitation.Expired"),
  "tenancy.changeMemberRole": row("Security", "Warning", "Member.RoleChanged", "Membership"),
  "tenancy.removeMember": row("Security", "Warning", "Member.Removed", "Membership"),
  "tenancy.setInternalRoles": row("Security", "Critical", "InternalMember.RoleChanged", "User"),
  "tenancy.removeInternalMember": row("Security", "Critical", "InternalMember.Removed", "User"),
  "tenancy.openSetUp": row("System", "Info", "SetUp.Opened"),
  "tenancy.setUp": row("Security", "Critical", "SetUp.Done", "User"),
  "tenancy.restoreAdministrator": row("Security", "Critical", "InternalMember.Restored", "User"),
  "tenancy.restoreOwner": row("Security", "Critical", "Member.OwnerRestored", "Membership"),
  "tenancy.createUser": row("Security", "Warning", "User.Created", "User"),

  "tenancy.eraseOrganization": row("Security", "Critical", "Organization.Erased", "Organization"),
  "tenancy.continueErasure": row("System", "Info", "Organization.ErasureContinued", "Organization"),

  "access.createRole": row("Security", "Warning", "Role.Created", "Role"),
  "access.updateRole": row("Security", "Info", "Role.Updated", "Role"),
  "access.deleteRole": row("Security", "Warning", "Role.Deleted", "Role"),
  "access.cloneRole": row("Security", "Warning", "Role.Cloned", "Role"),
  "access.addRolePermissions": row("Security", "Warning", "Role.Permission.Added", "Role"),
  "access.removeRolePermissions": row("Security", "Warning", "Role.Permission.Removed", "Role"),
  "access.setRoleRule": row("Security", "Warning", "Role.Permission.Set", "Role"),
  "access.createGrant": row("Security", "Warning", "Grant.Created", "Grant"),
  "access.changeGrant": row("Security", "Warning", "Grant.Changed", "Grant"),
  "access.revokeGrant": row("Security", "Warning", "Grant.Revoked", "Grant"),
  "access.revokeGrants": row("Security", "Warning", "Grant.RevokedMany"),
  "access.setMemberAttributes": row("Security", "Warning", "Member.AttributesSet", "User"),
  "access.getMemberAttributes": row("DataAccess", "Info", "Member.AttributesRead", "User"),
  "access.setOrganizationAttributes": row("Security", "Warning", "Organization.AttributesSet", "Organization"),
  "access.replaceModel": row("Security", "Critical", "AuthorizationModel.Replaced", "AuthorizationModel"),
  "access.createPermission": row("Security", "Critical", "Permission.Created", "Permission"),
  "access.updatePermission": row("Security", "Critical", "Permission.Updated", "Permission"),
  "access.deletePermission": row("Security", "Critical", "Permission.Deleted", "Permission"),
  "access.repairReadModel": row("System", "Info", "ReadModel.Repaired"),
  "access.renewSharedCopy": row("System", "Info", "ReadModel.SharedCopyRenewed"),
  "access.askCaches": row("System", "Info", "ReadModel.CachesAsked"),
  "access.removeExpiredGrants": row("System", "Info", "Grant.ExpiredRemoved"),
  "access.forgetOldDecisions": row("System", "Info", "Decisions.Forgotten"),
  "access.syncSystemDefinitions": row("System", "Info", "SystemDefinitions.Synchronized"),

  "entitlements.setEntitlements": row("Business", "Info", "Organization.EntitlementsSet", "Organization"),

  "entitlements.followBilling": row("Business", "Info", "Organization.BillingFollowed", "Organization"),
  "entitlements.requestDeletion": row("Security", "Critical", "Organization.DeletionRequested", "Organization"),
  "entitlements.withdrawDeletion": row("Security", "Warning", "Organization.DeletionWithdrawn", "Organization"),

  "operations.redriveDeadLetters": row("System", "Warning", "DeadLetter.Redriven"),
  "operations.confirmRemoval": row("System", "Critical", "Removal.Confirmed"),
  "operations.dropDeadLetter": row("System", "Critical", "DeadLetter.Dropped"),

  "audit.listLogs": row("DataAccess", "Info", "AuditLog.Read"),
  "audit.exportLogs": row("DataAccess", "Info", "AuditLog.Exported"),
  "audit.startExport": row("DataAccess", "Info", "AuditLog.ExportStarted", "AuditExport"),
  "audit.getExportPart": row("DataAccess", "Info", "AuditLog.Downloaded", "AuditExport"),
  "audit.recordEvent": row("Business", "Info", "Application"),
  "audit.erasePerson": row("Security", "Critical", "Person.Erased", "User"),
  "audit.signCheckpoints": row("System", "Info", "AuditLog.Signed"),
  "audit.removeOld": row("System", "Info", "AuditLog.OldRemoved"),
};

/** What the command line does to the storage itself, past every operation. */
export const storageActions = {
  /** An installation was moved into this database. */
  "installation.import": row("System", "Critical", "Installation.Imported"),
  /** A database that had been moved was given positions of its new PostgreSQL. */
  "installation.rebase": row("System", "Critical", "Installation.Rebased"),
  /** Everything sealed was sealed anew under the present master key. */
  "keys.rotate": row("Security", "Critical", "MasterKey.Rotated"),
} as const satisfies Readonly<Record<string, Action>>;
export type StorageAction = keyof typeof storageActions;

/** A query that is not noted where it is answered, and was refused. */
const refusedRead = row("DataAccess", "Warning", "Read.Refused");

/** For what is in no row, as the entry of an operation that an older or newer release has: its own name. */
export const actionOf = (operation: string, result: string): Action =>
  actions[operation] ??
  (storageActions as Readonly<Record<string, Action>>)[operation] ??
  (result === "refused" ? refusedRead : row("Business", "Info", operation));

export const severityOf = (severity: Severity, result: string): Severity =>
  result === "success" || severity === "Critical" ? severity : "Warning";
