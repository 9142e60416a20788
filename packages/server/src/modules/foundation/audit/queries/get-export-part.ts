import { Type, Uuid } from "#operation/declaration/schema.ts";
import { readers } from "../chain-access.ts";
import { ExportNotFound, ExportNotReady } from "../errors.ts";
import { partPurpose, tenantOfExport } from "../export-tenant.ts";
import { mediaTypes } from "../file.ts";
import { Document } from "../model.ts";
import { audit } from "../module.ts";

/** One part of an export, from 1 on. Parts can be fetched while the next ones are written. */
export const getExportPart = audit.query("getExportPart", {
  http: "GET /api/v1/audit/exports/:exportId/parts/:part",
  summary: "Download a part of an export; the parts in their order are the file.",
  allow: readers("Organization.ExportAuditLog", "AuditLog.Export"),
  audit: {
    action: "AuditLog.Downloaded",
    category: "DataAccess",
    severity: "Info",
    entity: "AuditExport",
    reading: "the audit log leaves the product",
  },
  absent: ExportNotFound,
  document: true,
  input: Type.Object({ exportId: Uuid, part: Type.String({ pattern: "^[1-9][0-9]{0,5}$" }) }),
  output: Document,
  errors: [ExportNotFound, ExportNotReady],
  tenant: tenantOfExport,
  async run({ store, services, fail }, { exportId, part }) {
    const row = (await store.exportById(exportId)) ?? fail(ExportNotFound);
    const ciphertext = (await store.exportPart(exportId, Number(part))) ?? fail(ExportNotReady);
    const text = services.keys.decrypt(ciphertext, partPurpose(exportId));
    return { mediaType: mediaTypes[row.format], fileName: `audit-log-${exportId}-${part}.${row.format}`, text };
  },
});
