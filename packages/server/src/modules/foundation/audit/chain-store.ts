import { sql } from "kysely";
import type { ReadHandle, WriteHandle } from "#platform/database/database.ts";
import { insertMany } from "#platform/database/many-rows.ts";
import { firstRow } from "#platform/database/rows.ts";
import type { Position } from "#platform/log/event.ts";
import type { RecordRow } from "./record.ts";
import { auditStore, type ChainRow } from "./store.ts";

/** A row of `audit_entries`. An older release writes no action, and of the identity only `caller_kind`, `user_id` and `session_id`. */
export interface EntryRow {
  readonly transaction: string;
  readonly sequence: string;
  readonly id: string;
  readonly operation: string;
  readonly action: string | null;
  readonly category: string | null;
  readonly severity: string | null;
  readonly principal_kind: string | null;
  readonly principal_id: string | null;
  readonly credential_kind: string | null;
  readonly credential_id: string | null;
  readonly actor_kind: string | null;
  readonly actor_id: string | null;
  readonly caller_kind: string;
  readonly user_id: string | null;
  readonly session_id: string | null;
  readonly organization_id: string | null;
  readonly input: Record<string, unknown>;
  /** Personal data of the input, and of the state before the change. */
  readonly personal: { readonly input?: Record<string, unknown>; readonly before?: Record<string, unknown> } | null;
  readonly before: unknown;
  readonly after: unknown;
  readonly entity_type: string | null;
  readonly entity_id: string | null;
  readonly ip_address: string | null;
  readonly user_agent: string | null;
  readonly trace_id: string;
  readonly request_id: string | null;
  readonly occurred_at: Date;
  readonly result: string;
  readonly reason: string | null;
  readonly stands_for: number;
}

export interface Progress extends Position {
  readonly chains: number;
  readonly records: number;
}

export const entryColumns = sql.raw(`transaction::text, sequence::text, id, operation, action, category, severity, caller_kind, user_id,
  session_id, principal_kind, principal_id, credential_kind, credential_id, actor_kind, actor_id, organization_id, input,
  personal, before, after, entity_type, entity_id, ip_address, user_agent, trace_id, request_id, occurred_at, result, reason, stands_for`);
const recordColumns = {
  organization_id: "uuid",
  number: "bigint",
  previous_hash: "text",
  hash: "text",
  id: "uuid",
  transaction: "xid8",
  occurred_at: "timestamptz",
  recorded_at: "timestamptz",
  source: "text",
  operation: "text",
  action: "text",
  category: "text",
  severity: "text",
  result: "text",
  reason: "text",
  actor_kind: "text",
  actor_id: "text",
  session_id: "uuid",
  principal_kind: "text",
  principal_id: "text",
  credential_kind: "text",
  credential_id: "text",
  entity_type: "text",
  entity_id: "text",
  trace_id: "text",
  request_id: "text",
  stands_for: "integer",
  details: "text",
  personal_hashes: "text[]",
} as const;

/** SQL that only the chain appender may run. */
export const chainStore = (tx: WriteHandle) => ({
  /** Locks the position of the last appended entry until the transaction ends; undefined while another process appends. */
  async lockProgress(): Promise<Progress | undefined> {
    const { rows } = await sql<Progress>`
      select transaction::text, sequence::text, chains::text, records::text from audit_progress for update skip locked`.execute(tx);
    const row = rows[0];
    return row && { ...row, chains: Number(row.chains), records: Number(row.records) };
  },
  /** The next entries below the horizon of ended transactions, in the order of transaction and sequence. */
  async settledEntries(after: Position, limit: number): Promise<readonly EntryRow[]> {
    const { rows } = await sql<EntryRow>`
      select ${entryColumns} from audit_entries
      where (transaction, sequence) > (${after.transaction}::xid8, ${after.sequence}::bigint)
        and transaction < pg_snapshot_xmin(pg_current_snapshot())
      order by audit_entries.transaction, audit_entries.sequence limit ${limit}`.execute(tx);
    return rows;
  },
  /** When each person was last erased; people who never were are left out. */
  async erasedAt(people: readonly string[]): Promise<ReadonlyMap<string, Date>> {
    const { rows } = await sql<{ person: string; at: Date }>`
      select person, max(erased_at) as at from audit_person_keys
      where person = any(${people}::text[]) and erased_at is not null group by person`.execute(tx);
    return new Map(rows.map(({ person, at }) => [person, at]));
  },
  async insertRecords(rows: readonly RecordRow[]): Promise<void> {
    await insertMany(tx, "audit_records", recordColumns, rows);
  },
  async insertPersonal(
    rows: readonly {
      readonly record_id: string;
      readonly part: number;
      readonly organization_id: string | null;
      readonly number: number;
      readonly key_id: string;
      readonly ciphertext: string;
    }[],
  ): Promise<void> {
    const columns = {
      record_id: "uuid",
      part: "integer",
      organization_id: "uuid",
      number: "bigint",
      key_id: "uuid",
      ciphertext: "text",
    } as const;
    await insertMany(tx, "audit_personal", columns, rows);
  },
  /** The key row of an erased person. Its key is destroyed, so its ciphertexts cannot be decrypted. */
  async erasedKeyId(person: string): Promise<string> {
    const { rows } = await sql<{ id: string }>`
      select id from audit_person_keys where person = ${person} and erased_at is not null order by erased_at desc limit 1`.execute(tx);
    return (rows[0] as { id: string }).id;
  },
  /** Removes entries that are in their chains; a trigger rejects any other. */
  async removeEntries(ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    await sql`delete from audit_entries where id = any(${ids}::uuid[])`.execute(tx);
  },
  async saveHead(row: ChainRow): Promise<void> {
    await sql`insert into audit_chains (organization_id, number, hash, key_id, signature, signed_at)
      values (${row.organization_id}, ${row.number}, ${row.hash}, ${row.key_id}, ${row.signature}, ${row.signed_at})
      on conflict (organization_id) do update set number = excluded.number, hash = excluded.hash, key_id = excluded.key_id,
        signature = excluded.signature, signed_at = excluded.signed_at`.execute(tx);
  },
  async saveProgress(at: Progress, signed: { key_id: string; signature: string; signed_at: Date }): Promise<void> {
    await sql`update audit_progress set transaction = ${at.transaction}::xid8, sequence = ${at.sequence}::bigint, chains = ${at.chains},
      records = ${at.records}, key_id = ${signed.key_id}, signature = ${signed.signature}, signed_at = ${signed.signed_at}`.execute(tx);
  },
});

/** All SQL of the audit log, for the chain appender, and for an import in its place. */
export const appenderStore = (tx: WriteHandle) => ({ ...auditStore.reads(tx), ...auditStore.writes(tx), ...chainStore(tx) });

/** The newest committed entry, above or below the horizon. */
export async function newestEntry(db: ReadHandle): Promise<Position> {
  const newest = await firstRow(
    db,
    sql<Position>`
    select transaction::text, sequence::text from audit_entries
    order by audit_entries.transaction desc, audit_entries.sequence desc limit 1`,
  );
  return newest ?? { transaction: "0", sequence: "0" };
}

export async function isAppended(db: ReadHandle, { transaction, sequence }: Position): Promise<boolean> {
  const progress = await firstRow(
    db,
    sql<{ appended: boolean }>`
    select (transaction, sequence) >= (${transaction}::xid8, ${sequence}::bigint) as appended from audit_progress`,
  );
  return progress?.appended === true;
}
