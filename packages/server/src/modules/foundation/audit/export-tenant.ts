import { tenantOfRow } from "#operation/declaration/tenant-of-row.ts";
import { ExportNotFound } from "./errors.ts";
import type { AuditReads } from "./store.ts";

/** The organization whose records are exported. */
export const tenantOfExport = tenantOfRow((store: AuditReads, id) => store.exportById(id), "exportId", ExportNotFound);

/** The encryption purpose of an export's parts. They contain decrypted personal data, so they are stored encrypted. */
export const partPurpose = (exportId: string): string => `audit export ${exportId}`;
