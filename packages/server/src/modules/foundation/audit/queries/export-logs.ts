import { Type } from "#operation/declaration/schema.ts";
import { chainsOf, readers, tenantOfLog } from "../chain-access.ts";
import { ExportTooLarge, LogNotFound } from "../errors.ts";
import { fileText, mediaTypes } from "../file.ts";
import { Document, ExportFormat, SearchFields } from "../model.ts";
import { audit } from "../module.ts";
import { represent } from "../represent.ts";

/** A few megabytes. A job writes larger exports. */
const recordsMax = 5_000;

/** The audit log as one file, oldest first. */
export const exportLogs = audit.query("exportLogs", {
  http: "GET /api/v1/audit/export",
  summary: `Download audit logs as one file, ${recordsMax} records at most.`,
  allow: readers("Organization.ExportAuditLog", "AuditLog.Export"),
  audit: { action: "AuditLog.Exported", category: "DataAccess", severity: "Info", reading: "the audit log leaves the product" },
  absent: LogNotFound,
  document: true,
  everyTenant: "an internal auditor exports every chain; an organization's own is read under its own scope",
  input: Type.Object({ ...SearchFields, format: Type.Optional(ExportFormat) }),
  output: Document,
  errors: [ExportTooLarge],
  tenant: tenantOfLog,
  async run(context, { format = "jsonl", ...search }) {
    const { store, services, fail } = context;
    const organizationId = chainsOf(context, search);
    if (organizationId !== undefined) await store.within(organizationId);
    const filters = { ...search, organizationId };
    const { total, last } = await store.count(filters);
    if (total > recordsMax) fail(ExportTooLarge, { rule: "records", max: recordsMax, records: total });
    const logs = await represent(store, await store.pageUpward(filters, "0", last, recordsMax), services.keys);
    return { mediaType: mediaTypes[format], fileName: `audit-log.${format}`, text: fileText(logs, format, true) };
  },
});
