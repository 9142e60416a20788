import { isDeepStrictEqual } from "node:util";
import { sql } from "kysely";
import { isEntryKey } from "#modules/authorization/access/index.ts";
import type { ReadHandle, WriteHandle } from "#platform/database/database.ts";
import { isolateFailures } from "#platform/database/isolated.ts";
import { rowsOf } from "#platform/database/rows.ts";
import type { Reading, SnapshotCache } from "#platform/snapshot-cache/snapshot-cache.ts";
import type { Compute } from "./project.ts";

/** An entry that differs from the tables. */
export interface Difference {
  readonly key: string;
  /** The projection's table, or its Redis snapshot (`copy`). */
  readonly where: "table" | "copy";
  /** `failed`: the entry cannot be computed from the tables. */
  readonly how: "differs" | "missing" | "left over" | "failed";
}

/** Compares the stored entries of `keys` with the tables, in the projection's table and in a trusted Redis snapshot. */
export async function verifyEntries(
  db: ReadHandle,
  cache: SnapshotCache,
  keys: readonly string[],
  compute: Compute,
): Promise<readonly Difference[]> {
  const { watermark, entries, distrusted = [] } = await cache.read(keys).catch((): Reading => ({ watermark: null, entries: [] }));
  // A read-only transaction allows savepoints as well.
  const { done, failed } = await isolateFailures(db as unknown as WriteHandle, keys.filter(isEntryKey), compute);
  const computed = new Map(done.map(({ key, json }) => [key, JSON.parse(json) as unknown]));
  const failing = new Set(failed.map(({ item }) => item));
  const rows = await rowsOf(
    db,
    sql<{ number: string; key: string | null; value: unknown }>`
    select m.number::text, r.key, r.value from projection_watermarks m
    left join projection_entries r on r.key = any(${keys}::text[])`,
  );
  const stored = new Map(rows.flatMap(({ key, value }) => (key === null ? [] : [[key, value] as const])));
  const isTrusted = watermark !== null && watermark.number >= Number(rows[0]?.number);
  return keys.flatMap((key, index): readonly Difference[] => {
    if (failing.has(key)) return [{ key, where: "table", how: "failed" }];
    const expected = computed.get(key) ?? null;
    const how = howOf(expected, stored.has(key) ? stored.get(key) : undefined, isEntryKey(key));
    const snapshotEntry = isTrusted ? entries[index] : null;
    const isForged = isTrusted && distrusted.includes(key);
    const inSnapshot = isForged ? "differs" : snapshotEntry ? howOf(expected, JSON.parse(snapshotEntry.value), isEntryKey(key)) : undefined;
    return [
      ...(how ? [{ key, where: "table", how } as const] : []),
      ...(inSnapshot ? [{ key, where: "copy", how: inSnapshot } as const] : []),
    ];
  });
}

/** A stored null is a tombstone of an entry that no longer exists. */
function howOf(expected: unknown, found: unknown, isEntry: boolean): Difference["how"] | undefined {
  if (!isEntry) return found === undefined ? undefined : "left over";
  if (found === undefined) return expected === null ? undefined : "missing";
  if (isDeepStrictEqual(expected, found)) return undefined;
  return expected === null ? "left over" : "differs";
}
