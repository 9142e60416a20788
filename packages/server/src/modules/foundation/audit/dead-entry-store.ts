import { type RawBuilder, sql } from "kysely";
import type { ReadHandle, WriteHandle } from "#platform/database/database.ts";
import { rowsOf } from "#platform/database/rows.ts";
import { resolveRecords } from "#platform/dead-letters.ts";

/** The dead-letter queue of entries that could not be appended, by entry id. The name was released, and stored rows have it. */
export const entryConsumer = "audit.append-entries";

/** The action of a stand-in. */
export const deadEntryAction = "AuditLog.EntryDeadLettered";
export const deadEntryType = "AuditEntry";

const firstContent = sql`jsonb_build_array(e.id, e.operation, e.caller_kind, e.user_id, e.session_id, e.organization_id, e.input, e.personal,
  e.before, e.after, e.entity_type, e.entity_id, e.ip_address, e.user_agent, e.trace_id, e.request_id, extract(epoch from e.occurred_at),
  e.result, e.reason, e.stands_for)`;
const addedContent = sql`jsonb_build_array(e.action, e.category, e.severity, e.principal_kind, e.principal_id, e.credential_kind,
  e.credential_id, e.actor_kind, e.actor_id)`;
const sha256Of = (content: RawBuilder<unknown>) => sql<string>`encode(sha256(convert_to((${content})::text, 'UTF8')), 'hex')`;

/** Hashes the entry's content, without its position, which an import changes. The text of a `jsonb` value is canonical. */
export const entryHash = sha256Of(sql`${firstContent} || ${addedContent}`);
/** The hash of an entry that an older release wrote. */
const formerEntryHash = sha256Of(firstContent);

/** A dead-lettered entry is not deleted with other appended entries: the chain has only its hash. */
export const isNoDeadEntry = sql`not exists (select from record_dead_letters d where d.consumer = ${entryConsumer} and d.id = e.id::text)`;

/** Deletes the dead-lettered entries of erased people and returns their ids for the record of the erasure. */
export async function eraseDeadEntries(
  tx: WriteHandle,
  people: { readonly ids: readonly string[]; readonly addresses: readonly string[] },
): Promise<readonly string[]> {
  const { rows } = await sql<{ id: string }>`delete from audit_entries e using record_dead_letters d
    where d.consumer = ${entryConsumer} and d.id = e.id::text and (e.user_id::text = any(${people.ids}::text[])
      or e.principal_id = any(${people.ids}::text[]) or e.actor_id = any(${people.ids}::text[])
      or e.entity_id = any(${people.ids}::text[]) or e.input->>'userId' = any(${people.ids}::text[])
      or exists (select from unnest(${people.addresses}::text[]) as address where position(lower(address) in lower(e.personal::text)) > 0))
    returning e.id`.execute(tx);
  const ids = rows.map(({ id }) => id);
  await resolveRecords(tx, entryConsumer, ids);
  return ids;
}

/** A stand-in whose entry is not in a chain yet. */
export interface Unresolved {
  readonly organization_id: string | null;
  readonly number: number;
  readonly entry_id: string;
  /** The entry still exists, unchanged, and is listed as a dead letter. */
  readonly is_stored: boolean;
}

/**
 * Stand-ins whose entry was neither appended later (a record with its id), nor dropped by an operator, nor erased with a person's data.
 * `resolvedBy` names the operations that drop and erase.
 */
export async function unresolvedEntries(
  db: ReadHandle | WriteHandle,
  resolvedBy: { readonly drop: string; readonly erase: string },
  limit: number,
): Promise<readonly Unresolved[]> {
  const rows = await rowsOf(
    db,
    sql<Omit<Unresolved, "number"> & { readonly number: string }>`
    with stand_ins as (
      select *, case when entity_id ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then entity_id::uuid end as entry
      from audit_records where action = ${deadEntryAction} and source = 'gatehouse')
    select r.organization_id, r.number::text, r.entity_id as entry_id,
      coalesce((r.details::jsonb->>'entryHash' = ${entryHash} or r.details::jsonb->>'entryHash' = ${formerEntryHash})
        and d.id is not null, false) as is_stored
    from stand_ins r
    left join audit_entries e on e.id = r.entry
    left join record_dead_letters d on d.consumer = ${entryConsumer} and d.id = r.entity_id
    where not exists (select from audit_records l where l.id = r.entry)
      and not exists (select from audit_records l where l.entity_id = r.entity_id and l.operation = ${resolvedBy.drop} and l.result = 'success')
      and not exists (select from audit_entries w where w.entity_id = r.entity_id and w.operation = ${resolvedBy.drop} and w.result = 'success')
      and not exists (select from audit_records l where l.operation = ${resolvedBy.erase} and l.result = 'success'
        and l.details::jsonb->'after'->'entries' ? r.entity_id)
      and not exists (select from audit_entries w where w.operation = ${resolvedBy.erase} and w.result = 'success'
        and w.after->'entries' ? r.entity_id)
    order by r.position limit ${limit}`,
  );
  return rows.map((row) => ({ ...row, number: Number(row.number) }));
}
