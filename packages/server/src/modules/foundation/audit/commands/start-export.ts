import { v7 as uuid } from "uuid";
import { Type } from "#operation/declaration/schema.ts";
import { chainsOf, readers, tenantOfLog } from "../chain-access.ts";
import { LogNotFound, TooManyExports } from "../errors.ts";
import { writeExportJob } from "../export-writer.ts";
import { Export, ExportFormat, SearchFields } from "../model.ts";
import { audit } from "../module.ts";
import { toExport } from "../represent.ts";

/** Records in all stored exports of one scope, some gigabytes. At this number no further export starts; a single one may be larger. */
const recordsStoredMax = 5_000_000;

/** Starts an export of any size; a job writes it in parts. */
export const startExport = audit.command("startExport", {
  http: "POST /api/v1/audit/exports",
  summary: "Start an export of audit logs.",
  allow: readers("Organization.ExportAuditLog", "AuditLog.Export"),
  audit: { action: "AuditLog.ExportStarted", category: "DataAccess", severity: "Info", entity: "AuditExport" },
  absent: LogNotFound,
  status: 202,
  everyTenant: "an internal auditor exports every chain; an organization's own is counted by its id",
  input: Type.Object({ ...SearchFields, format: Type.Optional(ExportFormat) }),
  output: Export,
  errors: [TooManyExports],
  tenant: tenantOfLog,
  async run(context, { format = "jsonl", ...filters }) {
    const { store, principal, enqueue, fail, now } = context;
    const organizationId = chainsOf(context, filters);
    if ((await store.recordsInExports(organizationId ?? null)) >= recordsStoredMax)
      fail(TooManyExports, { rule: "records", max: recordsStoredMax });
    const search = { ...filters, organizationId };
    const { total, last } = await store.count(search);
    const row = {
      id: uuid(),
      organization_id: organizationId ?? null,
      every_tenant: organizationId === undefined,
      requested_by: principal.kind === "user" ? principal.id : null,
      format,
      search: filters as Record<string, string>,
      last_position: last,
      total,
      created_at: now,
    };
    await store.insertExport(row);
    await enqueue(writeExportJob, { exportId: row.id });
    return toExport({ ...row, status: "Waiting", position: "0", written: 0, parts: 0, finished_at: null });
  },
});
