import { ExportNotFound } from "./errors.ts";
import type { ExportRow } from "./export-store.ts";

interface Reading {
  reading<T>(work: (store: { exportById(id: string): Promise<ExportRow | undefined> }) => Promise<T>): Promise<T>;
  fail(error: typeof ExportNotFound): never;
}

/** The scope that a call about an export acts in: the export's own. */
export async function tenantOfExport({ reading, fail }: Reading, { exportId }: { readonly exportId: string }): Promise<string | null> {
  const row = await reading((store) => store.exportById(exportId));
  return (row ?? fail(ExportNotFound)).organization_id;
}

/** Where the parts of an export lie sealed: what stands in them was opened for a reader, not for the database. */
export const partPurpose = (exportId: string): string => `audit export ${exportId}`;
