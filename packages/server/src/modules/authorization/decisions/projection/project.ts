import { sql } from "kysely";
import type { Computed } from "#modules/authorization/access/index.ts";
import { parseKey, policyKey } from "#modules/authorization/access/index.ts";
import type { WriteHandle } from "#platform/database/database.ts";
import { inSavepoint, isolateFailures } from "#platform/database/isolated.ts";
import { deadLetterRecords, resolveRecords } from "#platform/dead-letters.ts";
import { revisionOf } from "#platform/log/log.ts";
import { entriesConsumer } from "./names.ts";
import { dropEveryList, dropLists, missingSystemLists } from "./older-release.ts";
import { unavailableValue } from "./stored-entry.ts";

/** Computes the entries of `keys` from the tables, in the transaction that writes them. */
export type Compute = (keys: readonly string[]) => Promise<readonly Computed[]>;

/** The written entries, their version (the transaction id), and the number of the write. */
export interface Projected {
  readonly entries: readonly Computed[];
  /** Keys whose entries could not be computed. They are stored as unavailable, so that checks that need them are denied. */
  readonly failed: readonly string[];
  readonly version: bigint;
  readonly number: number;
}

/**
 * Computes the entries of `keys` from the tables and writes them. An entry that cannot be computed becomes a dead letter and does not block
 * the others (decision 0029). `treeMoved`: a permission has another parent now.
 */
export async function projectKeys(
  tx: WriteHandle,
  keys: readonly string[],
  compute: Compute,
  { treeMoved = false }: { readonly treeMoved?: boolean } = {},
): Promise<Projected> {
  const all = keys.includes(policyKey) ? [...keys, ...(await missingSystemLists(tx))] : keys;
  const { done, failed } = await isolateFailures(tx, [...new Set(all)], async (some) => {
    const computed = await compute(some);
    await write(tx, computed);
    return computed;
  });
  const failedKeys = failed.map(({ item }) => item);
  for (const key of failedKeys) await markUnavailable(tx, key);
  const letters = failed.map(({ item: key, error }) => ({ id: key, topic: "projection entry", body: key, error }));
  await deadLetterRecords(tx, entriesConsumer, letters);
  await resolveRecords(
    tx,
    entriesConsumer,
    done.map(({ key }) => key),
  );
  const dropped = await dropLists(tx, roleIdsOf(keys));
  const entries = [...done, ...dropped.map((key): Computed => ({ key, organizationId: null, json: "null" }))];
  // Skipping a number empties the Redis snapshot, and with it the lists.
  const missed = treeMoved && (await dropEveryList(tx)) ? 1 : 0;
  return { entries, failed: failedKeys, version: BigInt(await revisionOf(tx)), number: await nextNumber(tx, 1 + missed) };
}

async function write(tx: WriteHandle, entries: readonly Computed[]): Promise<void> {
  // Sorted by key, so that two writers of the same entries do not deadlock.
  await sql`insert into projection_entries (key, organization_id, value, version)
    select key, organization_id, value::jsonb, pg_current_xact_id()::text::bigint
    from unnest(${entries.map(({ key }) => key)}::text[], ${entries.map(({ organizationId }) => organizationId)}::uuid[],
      ${entries.map(({ json }) => json)}::text[]) as p (key, organization_id, value)
    order by key
    on conflict (key) do update set value = excluded.value, organization_id = excluded.organization_id, version = excluded.version
    where projection_entries.version <= excluded.version`.execute(tx);
}

/** Stores the entry as unavailable: a membership that could not be computed must not look absent. Deletes it if that fails as well. */
async function markUnavailable(tx: WriteHandle, key: string): Promise<void> {
  try {
    await inSavepoint(tx, () => write(tx, [{ key, organizationId: null, json: JSON.stringify(unavailableValue) }]));
  } catch {
    await sql`delete from projection_entries where key = ${key}`.execute(tx);
  }
}

/** Increments the number of the projection's writes. The row lock makes the next writer wait for this transaction. */
async function nextNumber(tx: WriteHandle, by: number): Promise<number> {
  const { rows } = await sql<{ number: string }>`
    update projection_watermarks set number = number + ${by}::bigint returning number::text`.execute(tx);
  return Number((rows[0] as { number: string }).number);
}

function roleIdsOf(keys: readonly string[]): readonly string[] {
  return keys.flatMap((text) => {
    const key = parseKey(text);
    return key?.kind === "role" ? [key.roleId] : [];
  });
}
