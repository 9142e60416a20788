import { type Kysely, sql } from "kysely";
import type { AnyTables, WriteHandle } from "#platform/database/database.ts";
import { deleteSome } from "#platform/database/prune.ts";
import { ofTenant } from "#platform/database/tenant-predicate.ts";

export interface ExportRow {
  readonly id: string;
  readonly organization_id: string | null;
  readonly every_tenant: boolean;
  readonly requested_by: string | null;
  readonly format: "jsonl" | "csv";
  readonly search: Record<string, string | null>;
  readonly status: "Waiting" | "Running" | "Ready";
  /** The newest record at the time of the request; the export has no later one. */
  readonly last_position: string;
  readonly position: string;
  readonly total: number;
  readonly written: number;
  readonly parts: number;
  readonly created_at: Date;
  readonly finished_at: Date | null;
}

const columns = sql`id, organization_id, every_tenant, requested_by, format, search, status, last_position::text, position::text, total::text,
  written::text, parts, created_at, finished_at`;

const counted = (row: ExportRow): ExportRow => ({ ...row, total: Number(row.total), written: Number(row.written) });

export const exportReads = (db: Kysely<AnyTables>) => ({
  async exportById(id: string): Promise<ExportRow | undefined> {
    const { rows } = await sql<ExportRow>`select ${columns} from audit_exports where id = ${id}`.execute(db);
    return rows[0] && counted(rows[0]);
  },
  async recordsInExports(organizationId: string | null): Promise<number> {
    const { rows } = await sql<{ records: string }>`
      select coalesce(sum(total), 0)::text as records from audit_exports where ${ofTenant(organizationId)}`.execute(db);
    return Number(rows[0]?.records);
  },
  async exportPart(exportId: string, part: number): Promise<string | undefined> {
    const { rows } = await sql<{ ciphertext: string }>`
      select ciphertext from audit_export_parts where export_id = ${exportId} and part = ${part}`.execute(db);
    return rows[0]?.ciphertext;
  },
});

export const exportWrites = (tx: WriteHandle) => ({
  async insertExport(row: Omit<ExportRow, "position" | "written" | "parts" | "finished_at" | "status">): Promise<void> {
    await sql`insert into audit_exports (id, organization_id, every_tenant, requested_by, format, search, status, last_position, total, created_at)
      values (${row.id}, ${row.organization_id}, ${row.every_tenant}, ${row.requested_by}, ${row.format}, ${JSON.stringify(row.search)},
        'Waiting', ${row.last_position}::bigint, ${row.total}, ${row.created_at})`.execute(tx);
  },
  /** Locks the export for the job that writes it; undefined if it is finished or removed. */
  async claimExport(id: string): Promise<ExportRow | undefined> {
    const { rows } = await sql<ExportRow>`
      select ${columns} from audit_exports where id = ${id} and status <> 'Ready' for update`.execute(tx);
    return rows[0] && counted(rows[0]);
  },
  async addPart(row: ExportRow, ciphertext: string, progress: { readonly position: string; readonly records: number }): Promise<void> {
    await sql`insert into audit_export_parts (export_id, part, organization_id, ciphertext)
      values (${row.id}, ${row.parts + 1}, ${row.organization_id}, ${ciphertext})`.execute(tx);
    await sql`update audit_exports set status = 'Running', parts = parts + 1, written = written + ${progress.records},
      position = ${progress.position}::bigint where id = ${row.id}`.execute(tx);
  },
  async finishExport(id: string, now: Date): Promise<void> {
    await sql`update audit_exports set status = 'Ready', finished_at = ${now} where id = ${id}`.execute(tx);
  },
  /** Removes at most `limit` exports with their parts and returns how many. */
  removeExports: (before: Date, limit: number): Promise<number> => deleteSome(tx, "audit_exports", sql`created_at < ${before}`, limit),
});
