import { Type, Uuid } from "#operation/declaration/schema.ts";
import { readers } from "../chain-access.ts";
import { ExportNotFound } from "../errors.ts";
import { tenantOfExport } from "../export-tenant.ts";
import { Export } from "../model.ts";
import { audit } from "../module.ts";
import { toExport } from "../represent.ts";

/** The progress of an export. */
export const getExport = audit.query("getExport", {
  http: "GET /api/v1/audit/exports/:exportId",
  summary: "The progress of an export.",
  allow: readers("Organization.ExportAuditLog", "AuditLog.Export"),
  absent: ExportNotFound,
  input: Type.Object({ exportId: Uuid }),
  output: Export,
  errors: [ExportNotFound],
  tenant: tenantOfExport,
  async run({ store, fail }, { exportId }) {
    return toExport((await store.exportById(exportId)) ?? fail(ExportNotFound));
  },
});
