import { type Kysely, sql } from "kysely";
import type { KeyPage } from "#modules/authorization/access/index.ts";
import type { AnyTables, ReadHandle } from "#platform/database/database.ts";
import { isOlderList } from "./older-release.ts";

/** A page of the expected keys. */
type ExpectedKeys = (cursor: string | null, limit: number) => Promise<KeyPage>;

/** The prefix of a cursor of stored keys. All other cursors belong to the expected keys. */
const storedPrefix = "rows";

/**
 * Lists the keys of all stored entries (without those for the previous release), then of all missing ones, each once, a page at a time. A
 * page before the last may be empty.
 */
export async function listKeys(reading: ReadHandle, cursor: string | null, limit: number, expected: ExpectedKeys): Promise<KeyPage> {
  const db = reading as unknown as Kysely<AnyTables>;
  if (cursor === null || cursor.startsWith(storedPrefix)) {
    const keys = await storedKeys(db, cursor?.slice(storedPrefix.length + 1) ?? "", limit);
    return { keys, next: keys.length === limit ? `${storedPrefix} ${keys.at(-1)}` : expectedPrefix };
  }
  const page = await expected(cursor === expectedPrefix ? null : cursor, limit);
  return { keys: await withoutRow(db, page.keys), next: page.next };
}

/** The cursor of the first page of expected keys. */
const expectedPrefix = "expected";

async function storedKeys(db: Kysely<AnyTables>, after: string, limit: number): Promise<readonly string[]> {
  const { rows } = await sql<{ key: string }>`
    select key from projection_entries where key > ${after} and not (${isOlderList}) order by key limit ${limit}`.execute(db);
  return rows.map(({ key }) => key);
}

async function withoutRow(db: Kysely<AnyTables>, keys: readonly string[]): Promise<readonly string[]> {
  if (keys.length === 0) return keys;
  const { rows } = await sql<{ key: string }>`
    select wanted.key from unnest(${keys}::text[]) as wanted (key)
    where not exists (select from projection_entries present where present.key = wanted.key)`.execute(db);
  return rows.map(({ key }) => key);
}
