import { type AuditResult, attributesOf, auditDeclarationOf } from "#operation/declaration/audit-declaration.ts";
import type { Operation } from "#operation/declaration/operation.ts";
import type { EntryRow } from "./chain-store.ts";
import { storageActions } from "./on-storage.ts";

/** An entry that has its action and identity. */
export interface CompleteEntry extends EntryRow {
  readonly action: string;
  readonly category: string;
  readonly severity: string;
  readonly principal_kind: string;
}

export type Operations = ReadonlyMap<string, Pick<Operation, "audit">>;

/**
 * Completes an entry that an older release wrote during a rolling update: it has the operation's name, but no action and no principal.
 * Takes the action that this release declares for the operation; for an unknown operation its name.
 */
export function completeEntry(entry: EntryRow, operations: Operations): CompleteEntry {
  const { action, category, severity, principal_kind } = entry;
  if (action !== null && category !== null && severity !== null && principal_kind !== null)
    return { ...entry, action, category, severity, principal_kind };
  const result = entry.result as AuditResult;
  const declared = operations.get(entry.operation)?.audit ?? storageActions[entry.operation];
  const declaration = auditDeclarationOf(entry.operation, declared, result);
  const { entityType, ...attributes } = attributesOf(declaration, result);
  const isProven = declaration.identifiesCaller && entry.caller_kind === "anonymous" && result === "success" && entry.entity_id !== null;
  return {
    ...entry,
    ...attributes,
    entity_type: entry.entity_type ?? (entry.entity_id === null ? null : entityType),
    ...(isProven ? { principal_kind: "user", principal_id: entry.entity_id } : identityOf(entry)),
  };
}

/** The identity of an entry, in the form of this release or of an older one. */
export const identityOf = (entry: EntryRow) =>
  entry.principal_kind === null
    ? {
        principal_kind: entry.caller_kind,
        principal_id: entry.user_id,
        credential_kind: entry.session_id === null ? null : "session",
        credential_id: entry.session_id,
        actor_kind: null,
        actor_id: null,
      }
    : {
        principal_kind: entry.principal_kind,
        principal_id: entry.principal_id,
        credential_kind: entry.credential_kind,
        credential_id: entry.credential_id,
        actor_kind: entry.actor_kind,
        actor_id: entry.actor_id,
      };
