import { sql } from "kysely";
import { v7 as uuid } from "uuid";
import type { WriteHandle } from "#platform/database/database.ts";
import type { FailedItem } from "#platform/database/isolated.ts";
import type { DeadLetters } from "#platform/dead-letters.ts";
import { deadLetterRecords, recordDeadLetters, redrivenRecords, resolveRecords } from "#platform/dead-letters.ts";
import type { Platform } from "#platform/platform.ts";
import { type EntryRow, entryColumns } from "./chain-store.ts";
import { identityOf } from "./complete-entry.ts";
import { deadEntryAction, deadEntryType, entryConsumer, entryHash } from "./dead-entry-store.ts";
import { actorOf, type NormalizedEntry, ownSource } from "./normalize-entry.ts";

/**
 * The record of an entry that could not be appended. It leaves out the fields that may be the cause of the failure. It has the entry's
 * hash, so that the verifier reports a change to the dead-lettered entry.
 */
export function standIn(entry: EntryRow, hash: string, now: Date): NormalizedEntry {
  const identity = identityOf(entry);
  const { principal_kind, principal_id, credential_kind, credential_id } = identity;
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
    ...actorOf(identity),
    session_id: entry.session_id,
    principal_kind,
    principal_id,
    credential_kind,
    credential_id,
    entity_type: deadEntryType,
    entity_id: entry.id,
    trace_id: entry.trace_id,
    request_id: entry.request_id,
    stands_for: entry.stands_for,
    // Without the error: a driver's message may quote the entry, and a record in a chain cannot be erased.
    details: JSON.stringify({ entryHash: hash }),
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
    // The input has no personal data: that is a separate column of the entry.
    return { id, topic: operation, body: textOf(input), error };
  });
  await deadLetterRecords(tx, entryConsumer, letters);
}

/** An input that is nested too deeply to be serialized must not fail the dead letter as well. */
function textOf(input: unknown): string {
  try {
    return JSON.stringify(input);
  } catch {
    return "[not serializable]";
  }
}

/** Entries that an operator redrives. Resolves the dead letter of an entry that no longer exists. */
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

/** Audit entries that could not be appended. The next step appends a redriven one. */
export const deadEntries = ({ database }: Platform): DeadLetters => recordDeadLetters(database, entryConsumer);
