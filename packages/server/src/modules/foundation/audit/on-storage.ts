import { v7 as uuid } from "uuid";
import { type AuditDeclaration, attributesOf } from "#operation/declaration/audit-declaration.ts";
import { operator } from "#operation/declaration/principal.ts";
import { insertAuditEntries } from "#operation/kernel/audit.ts";
import { identityColumns } from "#operation/kernel/audit-identity.ts";
import type { WriteHandle } from "#platform/database/database.ts";

export type StorageAction = "installation.import" | "installation.rebase" | "keys.rotate";

/** Actions of the command line on the storage itself, without an operation. */
const declarations: Readonly<Record<StorageAction, AuditDeclaration>> = {
  "installation.import": { action: "Installation.Imported", category: "System", severity: "Critical" },
  "installation.rebase": { action: "Installation.Rebased", category: "System", severity: "Critical" },
  "keys.rotate": { action: "MasterKey.Rotated", category: "Security", severity: "Critical" },
};
export const storageActions: Readonly<Record<string, AuditDeclaration>> = declarations;

/** Records an operator's action on the storage itself, in the transaction of that action. */
export function recordOnStorage(tx: WriteHandle, operation: StorageAction, now: Date, after?: object): Promise<void> {
  const { action, category, severity } = attributesOf(declarations[operation], "success");
  return insertAuditEntries(tx, [
    {
      id: uuid(),
      operation,
      action,
      category,
      severity,
      ...identityColumns(operator),
      organization_id: null,
      input: "{}",
      personal: null,
      before: null,
      after: after === undefined ? null : JSON.stringify(after),
      entity_type: null,
      entity_id: null,
      ip_address: null,
      user_agent: null,
      trace_id: uuid().replaceAll("-", ""),
      request_id: uuid(),
      occurred_at: now,
      result: "success",
      reason: null,
      stands_for: 1,
      with_change: true,
    },
  ]);
}
