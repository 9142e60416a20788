import { everyTenant, type WriteHandle } from "#platform/database/database.ts";
import type { Job, JobName } from "#platform/jobs/jobs.ts";
import type { Platform } from "#platform/platform.ts";
import { partPurpose } from "./export-tenant.ts";
import { fileText } from "./file.ts";
import { represent } from "./represent.ts";
import type { Search } from "./search.ts";
import { auditStore } from "./store.ts";

/** A part is about a megabyte, and one transaction. */
const recordsInPart = 1_000;

export interface WriteExport {
  readonly exportId: string;
}

export const writeExportJob: JobName<WriteExport> = { name: "audit.write-export" };

/** Writes an export part by part. Each part is committed with the progress, so a retried job continues after the last part. */
export const writeExportWork = (platform: Platform): Job<WriteExport> => ({
  ...writeExportJob,
  async handle({ exportId }) {
    let more = true;
    while (more) more = await platform.database.transact(everyTenant, (tx) => writePart(tx, platform, exportId));
  },
});

async function writePart(tx: WriteHandle, { keys, clock }: Platform, exportId: string): Promise<boolean> {
  const store = { ...auditStore.reads(tx), ...auditStore.writes(tx) };
  const row = await store.claimExport(exportId);
  if (row === undefined) return false;
  const search: Search = { ...row.search, organizationId: row.every_tenant ? undefined : row.organization_id };
  const rows = await store.pageUpward(search, row.position, row.last_position, recordsInPart);
  const last = rows.at(-1);
  if (last !== undefined || row.parts === 0) {
    const text = fileText(await represent(store, rows, keys), row.format, row.parts === 0);
    const progress = { position: last?.position ?? row.position, records: rows.length };
    await store.addPart(row, keys.encrypt(text, partPurpose(exportId)), progress);
  }
  if (rows.length === recordsInPart) return true;
  await store.finishExport(exportId, new Date(clock.now()));
  return false;
}
