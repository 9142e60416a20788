/** Writes for processes of the previous release while both run (decision 0031). To be removed with the next release. */
import { sql } from "kysely";
import { listKey, systemListKey, systemRoles } from "#modules/authorization/access/index.ts";
import type { WriteHandle } from "#platform/database/database.ts";

/** Matches both forms of a list's key. The partial index of step 0120 has the same condition. */
export const isOlderList = sql<boolean>`key like '%:effective_permissions'`;

/** The keys of missing lists of system roles, as in a new installation. */
export async function missingSystemLists(tx: WriteHandle): Promise<readonly string[]> {
  const wanted = systemRoles.map(systemListKey);
  const { rows } = await sql<{ key: string }>`select key from projection_entries where key = any(${wanted}::text[])`.execute(tx);
  return wanted.filter((key) => !rows.some((row) => row.key === key));
}

/** Replaces the lists of the roles by tombstones; returns the keys of those that existed. */
export async function dropLists(tx: WriteHandle, roleIds: readonly string[]): Promise<readonly string[]> {
  if (roleIds.length === 0) return [];
  const { rows } = await sql<{ key: string }>`
    update projection_entries set value = 'null'::jsonb, version = pg_current_xact_id()::text::bigint
    where key = any(${roleIds.map(listKey)}::text[]) and value <> 'null'::jsonb returning key`.execute(tx);
  return rows.map(({ key }) => key);
}

/** Replaces the lists of all custom roles by tombstones; true if there was one. */
export async function dropEveryList(tx: WriteHandle): Promise<boolean> {
  const { numAffectedRows = 0n } = await sql`
    update projection_entries set value = 'null'::jsonb, version = pg_current_xact_id()::text::bigint
    where ${isOlderList} and value <> 'null'::jsonb and key not like 'iam:role:system:%'`.execute(tx);
  return numAffectedRows > 0n;
}
