import type { Catalogue } from "../../packages/server/src/operation/declaration/catalogue.ts";
import { code, head, table } from "./page.ts";

/** The audit action of each audited operation. */
export function auditActionsPage({ operations }: Catalogue): string {
  const rows = operations.flatMap(({ name, audit }) => {
    if (audit === undefined) return [];
    const { action, category, severity, entity, reading } = audit;
    return [[code(action), code(name), category, severity, entity ?? "", reading ?? ""]];
  });
  const byAction = rows.toSorted(([one], [other]) => ((one as string) < (other as string) ? -1 : 1));
  const from =
    "From the declarations of the operations. A refusal or a failure has the same action and at least the severity `Warning`. The refusal of a query that is not listed has the action `Read.Refused`.";
  return `${head("Audit actions", from)}\n${table(["Action", "Operation", "Category", "Severity", "Entity", "Reason to audit reads"], byAction)}`;
}
