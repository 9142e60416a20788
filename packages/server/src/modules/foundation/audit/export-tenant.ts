import { tenantOfRow } from "#operation/declaration/tenant-of-row.ts";
import { ExportNotFound } from "./errors.ts";
import type { AuditReads } from "./store.ts";

/** The organization whose records are exported. */
export const tenantOfExport = tenantOfRow((store: AuditReads, id) => store.exportById(id), "exportId", ExportNotFound);

/** Where the parts of an export lie sealed: what stands in them was opened for a reader, not for the database. */
export const partPurpose = (exportId: string): string => `audit export ${exportId}`;
