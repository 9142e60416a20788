/** The category of an audit entry. */
export const auditCategories = ["Security", "Business", "DataAccess", "System"] as const;
export type AuditCategory = (typeof auditCategories)[number];

/**
 * `Critical`: changes rights of the installation itself, or deletes audit entries. `Warning`: changes rights of a user or an
 * organization. `Info`: everything else.
 */
export const auditSeverities = ["Info", "Warning", "Critical"] as const;
export type AuditSeverity = (typeof auditSeverities)[number];

export type AuditResult = "success" | "refused" | "failed";

/** How the audit log records an operation. */
export interface AuditDeclaration {
  /** The entity and what happened to it: `Role.Created`, `Role.Permission.Added`. */
  readonly action: string;
  readonly category: AuditCategory;
  /** Applies to a success. A refusal or a failure is recorded as `Warning` at least. */
  readonly severity: AuditSeverity;
  /** The type of the entity. Its id is the route's last parameter, else the output's `id`, unless the use case passes another. */
  readonly entity?: string;
  /** The operation authenticates its caller: after a success, an anonymous caller is recorded as the user who is the entity. */
  readonly identifiesCaller?: true;
}

/** How the audit log records a query whose answer is sensitive. */
export interface QueryAuditDeclaration extends AuditDeclaration {
  /** Why reading is recorded. */
  readonly reading: string;
}

/** The fields of an audit entry that come from the declaration and from the result of the call. */
export interface AuditAttributes {
  readonly action: string;
  readonly category: AuditCategory;
  readonly severity: AuditSeverity;
  readonly entityType: string | null;
}

/** A refused query whose successful calls are not audited. */
const refusedRead: AuditDeclaration = { action: "Read.Refused", category: "DataAccess", severity: "Warning" };

/** An operation that this release does not have: its name is the action of the entry. */
const unknownOperation = (name: string): AuditDeclaration => ({ action: name, category: "Business", severity: "Info" });

/** The declaration that applies to a call of an operation: its own, or the default where it has none. */
export const auditDeclarationOf = (name: string, declared: AuditDeclaration | undefined, result: AuditResult): AuditDeclaration =>
  declared ?? (result === "refused" ? refusedRead : unknownOperation(name));

export const attributesOf = ({ action, category, severity, entity }: AuditDeclaration, result: AuditResult): AuditAttributes => ({
  action,
  category,
  severity: result === "success" || severity === "Critical" ? severity : "Warning",
  entityType: entity ?? null,
});

/** Names in upper camel case, separated by dots. */
const actionForm = /^[A-Z][A-Za-z]*(\.[A-Z][A-Za-z]*)*$/;

/** The issues of an operation's `audit` field, one clause each. Types require the same where TypeScript checks the declaration. */
export function issuesOfAudit(kind: "command" | "query", audit: (AuditDeclaration & { readonly reading?: string }) | undefined): string[] {
  if (audit === undefined) return kind === "command" ? ["does not declare its audit action (audit)"] : [];
  const issues: string[] = [];
  if (!actionForm.test(audit.action)) issues.push(`has the audit action "${audit.action}", which is not like Entity.Created`);
  if (!auditCategories.includes(audit.category)) issues.push(`has the unknown audit category "${audit.category}"`);
  if (!auditSeverities.includes(audit.severity)) issues.push(`has the unknown audit severity "${audit.severity}"`);
  if (kind === "command" && audit.reading !== undefined) issues.push("is a command and declares why its reading is audited");
  if (kind === "query" && !audit.reading?.trim()) issues.push("is an audited query and does not declare why (audit.reading)");
  return issues;
}
