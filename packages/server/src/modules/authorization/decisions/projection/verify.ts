import { isDeepStrictEqual } from "node:util";
import { sql } from "kysely";
import { isEntryKey } from "#modules/authorization/access/index.ts";
import type { ReadHandle, WriteHandle } from "#platform/database/database.ts";
import { isolateFailures } from "#platform/database/isolated.ts";
import { rowsOf } from "#platform/database/rows.ts";
import type { Reading, SnapshotCache } from "#platform/snapshot-cache/snapshot-cache.ts";
import type { Compute } from "./project.ts";

/** An entry that is not what the tables say. */
export interface Difference {
  readonly key: string;
  /** The projection's table, or the Redis snapshot of it. */
  readonly where: "table" | "copy";
  /** `failed`: what the tables say cannot be computed. */
  readonly how: "differs" | "missing" | "left over" | "failed";
}

/** Compares what is kept under `keys` with what follows from the tables, in the projection's table and in a copy that is believed. */
export async function verifyEntries(
  db: ReadHandle,
  cache: SnapshotCache,
  keys: readonly string[],
  compute: Compute,
): Promise<readonly Difference[]> {
  const { watermark, entries, distrusted = [] } = await cache.read(keys).catch((): Reading => ({ watermark: null, entries: [] }));
  // A reading transaction takes savepoints, too.
  const { done, failed } = await isolateFailures(db as unknown as WriteHandle, keys.filter(isEntryKey), compute);
  const computed = new Map(done.map(({ key, json }) => [key, JSON.parse(json) as unknown]));
  const failing = new Set(failed.map(({ item }) => item));
  const rows = await rowsOf(
    db,
    sql<{ number: string; key: string | null; value: unknown }>`
    select m.number::text, r.key, r.value from projection_watermarks m
    left join projection_entries r on r.key = any(${keys}::text[])`,
  );
  const kept = new Map(rows.flatMap(({ key, value }) => (key === null ? [] : [[key, value] as const])));
  const believed = watermark !== null && watermark.number >= Number(rows[0]?.number);
  return keys.flatMap((key, index): readonly Difference[] => {
    if (failing.has(key)) return [{ key, where: "table", how: "failed" }];
    const expected = computed.get(key) ?? null;
    const how = howOf(expected, kept.has(key) ? kept.get(key) : undefined, isEntryKey(key));
    const copied = believed ? entries[index] : null;
    const isForeign = believed && distrusted.includes(key);
    const inCopy = isForeign ? "differs" : copied ? howOf(expected, JSON.parse(copied.value), isEntryKey(key)) : undefined;
    return [...(how ? [{ key, where: "table", how } as const] : []), ...(inCopy ? [{ key, where: "copy", how: inCopy } as const] : [])];
  });
}

/** Null is kept for what was there and is no longer. */
function howOf(expected: unknown, found: unknown, isPart: boolean): Difference["how"] | undefined {
  if (!isPart) return found === undefined ? undefined : "left over";
  if (found === undefined) return expected === null ? undefined : "missing";
  if (isDeepStrictEqual(expected, found)) return undefined;
  return expected === null ? "left over" : "differs";
}
