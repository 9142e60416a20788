import { sql } from "kysely";
import { v7 as uuid } from "uuid";
import type { DeadLetters } from "../../platform/broker/broker.ts";
import type { ReadHandle, WriteHandle } from "../../platform/database/database.ts";
import type { FailedItem } from "../../platform/database/isolated.ts";
import { deadLetterRecords, recordDeadLetters, redrivenRecords, resolveRecords } from "../../platform/dead-letters.ts";
import { failureText } from "../../platform/failure-text.ts";
import type { Platform } from "../../platform/platform.ts";
import { type Described, ownSource } from "./described.ts";
import { type EntryRow, entryColumns } from "./sealing-store.ts";

/** The dead-letter queue of entries that could not be sealed, by the entries' ids. */
export const entryConsumer = "audit.seal";

/** What the chain says instead of an entry that could not be sealed. */
export const deadEntryAction = "AuditLog.EntryDeadLettered";
export const deadEntryType = "AuditEntry";

/** The entry's content, without its position: an import gives it another one. `jsonb` has one text for one value. */
const entryHash = sql<string>`encode(sha256(convert_to(jsonb_build_array(e.id, e.operation, e.caller_kind, e.user_id, e.session_id,
  e.organization_id, e.input, e.personal, e.before, e.after, e.entity_type, e.entity_id, e.ip_address, e.user_agent, e.trace_id,
  e.request_id, extract(epoch from e.occurred_at), e.result, e.reason, e.stands_for)::text, 'UTF8')), 'hex')`;

/**
 * The record that stands for an entry that could not be sealed. It takes nothing of the entry that may be the reason, and
 * has the hash of the entry: whoever changes the entry while it waits is found out by the verifier.
 */
export function standIn(entry: EntryRow, hash: string, error: unknown, now: Date): Described {
  return {
    organization_id: entry.organization_id,
    id: uuid(),
    transaction: entry.transaction,
    occurred_at: now,
    source: ownSource,
    operation: entry.operation,
    action: deadEntryAction,
    category: "System",
    severity: "Critical",
    result: "failed",
    reason: null,
    actor_kind: entry.caller_kind,
    actor_id: entry.user_id,
    session_id: entry.session_id,
    entity_type: deadEntryType,
    entity_id: entry.id,
    trace_id: entry.trace_id,
    request_id: entry.request_id,
    stands_for: entry.stands_for,
    details: JSON.stringify({ entryHash: hash, failure: failureText(error) }),
    personal: new Map(),
  };
}

export async function hashesOf(tx: WriteHandle, ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const { rows } = await sql<{ id: string; hash: string }>`
    select e.id, ${entryHash} as hash from audit_entries e where e.id = any(${ids}::uuid[])`.execute(tx);
  return new Map(rows.map(({ id, hash }) => [id, hash]));
}

export async function deadLetterEntries(tx: WriteHandle, failed: readonly FailedItem<EntryRow>[]): Promise<void> {
  const letters = failed.map(({ item: { id, operation, input }, error }) => {
    // Personal data of the input lies apart in the entry and is left there.
    return { id, topic: operation, body: JSON.stringify(input), error };
  });
  await deadLetterRecords(tx, entryConsumer, letters);
}

/** Entries that an operator wants sealed again. One that is no longer there cannot be, and its letter goes. */
export async function redrivenEntries(tx: WriteHandle, limit: number): Promise<readonly EntryRow[]> {
  const ids = await redrivenRecords(tx, entryConsumer, limit);
  if (ids.length === 0) return [];
  const { rows } = await sql<EntryRow>`select ${entryColumns} from audit_entries where id = any(${ids}::uuid[])
    order by audit_entries.transaction, audit_entries.sequence`.execute(tx);
  const found = new Set(rows.map(({ id }) => id));
  await resolveRecords(
    tx,
    entryConsumer,
    ids.filter((id) => !found.has(id)),
  );
  return rows;
}

export const resolveEntries = (tx: WriteHandle, ids: readonly string[]): Promise<void> => resolveRecords(tx, entryConsumer, ids);

/** Audit entries that could not be sealed. The sealer seals a redriven one at its next look. */
export const deadEntries = ({ database }: Platform): DeadLetters => recordDeadLetters(database, entryConsumer);

/** Not deleted with other sealed entries: the chain has only the hash of it. */
export const isNoDeadEntry = sql`not exists (select from record_dead_letters d where d.consumer = ${entryConsumer} and d.id = e.id::text)`;

/** Deletes dead entries about people who are erased, and returns their ids for the erasure's record. */
export async function eraseDeadEntries(
  tx: WriteHandle,
  people: { readonly ids: readonly string[]; readonly addresses: readonly string[] },
): Promise<readonly string[]> {
  const { rows } = await sql<{ id: string }>`delete from audit_entries e using record_dead_letters d
    where d.consumer = ${entryConsumer} and d.id = e.id::text and (e.user_id::text = any(${people.ids}::text[])
      or e.entity_id = any(${people.ids}::text[]) or e.input->>'userId' = any(${people.ids}::text[])
      or exists (select from unnest(${people.addresses}::text[]) as address where position(lower(address) in lower(e.personal::text)) > 0))
    returning e.id`.execute(tx);
  const ids = rows.map(({ id }) => id);
  await resolveEntries(tx, ids);
  return ids;
}

/** A stand-in whose entry is not in a chain yet. */
export interface Unresolved {
  readonly organization_id: string | null;
  readonly number: number;
  readonly entry_id: string;
  /** The entry is kept, as it was, and listed as a dead letter. */
  readonly is_kept: boolean;
}

/**
 * Stand-ins of which the chains do not say what became of the entry: sealed later (a record with its id), dropped by an
 * operator, or deleted with a person's data. `endings` are the operations that do the last two.
 */
export async function unresolvedEntries(
  db: ReadHandle,
  endings: { readonly drop: string; readonly erase: string },
  limit: number,
): Promise<readonly Unresolved[]> {
  const { rows } = await sql<Omit<Unresolved, "number"> & { readonly number: string }>`
    with stand_ins as (
      select *, case when entity_id ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then entity_id::uuid end as entry
      from audit_records where action = ${deadEntryAction} and source = ${ownSource})
    select r.organization_id, r.number::text, r.entity_id as entry_id,
      coalesce(${entryHash} = r.details::jsonb->>'entryHash' and d.id is not null, false) as is_kept
    from stand_ins r
    left join audit_entries e on e.id = r.entry
    left join record_dead_letters d on d.consumer = ${entryConsumer} and d.id = r.entity_id
    where not exists (select from audit_records l where l.id = r.entry)
      and not exists (select from audit_records l where l.entity_id = r.entity_id and l.operation = ${endings.drop} and l.result = 'success')
      and not exists (select from audit_entries w where w.entity_id = r.entity_id and w.operation = ${endings.drop} and w.result = 'success')
      and not exists (select from audit_records l where l.operation = ${endings.erase} and l.result = 'success'
        and l.details::jsonb->'after'->'entries' ? r.entity_id)
      and not exists (select from audit_entries w where w.operation = ${endings.erase} and w.result = 'success'
        and w.after->'entries' ? r.entity_id)
    order by r.position limit ${limit}`.execute(db as never);
  return rows.map((row) => ({ ...row, number: Number(row.number) }));
}
