import { sql } from "kysely";
import { v7 as uuid } from "uuid";
import type { WriteHandle } from "#platform/database/database.ts";
import type { FailedItem } from "#platform/database/isolated.ts";
import type { DeadLetters } from "#platform/dead-letters.ts";
import { deadLetterRecords, recordDeadLetters, redrivenRecords, resolveRecords } from "#platform/dead-letters.ts";
import type { Platform } from "#platform/platform.ts";
import { deadEntryAction, deadEntryType, entryConsumer, entryHash } from "./dead-entry-store.ts";
import { type Described, ownSource } from "./described.ts";
import { type EntryRow, entryColumns } from "./sealing-store.ts";

/**
 * The record that stands for an entry that could not be sealed. It takes nothing of the entry that may be the reason, and
 * has the hash of the entry: whoever changes the entry while it waits is found out by the verifier.
 */
export function standIn(entry: EntryRow, hash: string, now: Date): Described {
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
    // Not the failure: a driver's message may quote the entry, and what is in a chain cannot be erased.
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
    // Personal data of the input lies apart in the entry and is left there.
    return { id, topic: operation, body: textOf(input), error };
  });
  await deadLetterRecords(tx, entryConsumer, letters);
}

/** What is nested too deeply for the stack may be why the entry failed; it must not fail the dead letter as well. */
function textOf(input: unknown): string {
  try {
    return JSON.stringify(input);
  } catch {
    return "[it cannot be shown]";
  }
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
