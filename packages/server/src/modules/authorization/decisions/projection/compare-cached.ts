import { isDeepStrictEqual } from "node:util";
import type { EntryMap, LoadedEntry } from "./entry-map.ts";

/** Keys of one read: a few hundred rows by their keys take milliseconds. */
const pageSize = 500;

export interface CachedDifferences {
  /** Entries that were looked at. */
  readonly entries: number;
  /** Keys whose entry is not what the database has. They were forgotten. */
  readonly keys: readonly string[];
}

/**
 * Compares what is cached with what `read` finds in the database, and forgets what differs. `catchUp` resolves when this process has
 * observed every event that was committed before the call: an entry that an event has removed meanwhile was right when it was read.
 */
export async function compareCached(
  entries: EntryMap,
  read: (keys: readonly string[]) => Promise<readonly (LoadedEntry | null)[]>,
  catchUp: () => Promise<void>,
): Promise<CachedDifferences> {
  const keys = entries.keys();
  const differing: string[] = [];
  for (let from = 0; from < keys.length; from += pageSize) {
    const page = keys.slice(from, from + pageSize);
    const cached = page.map((key) => entries.peek(key));
    const found = await read(page);
    const suspects = page.filter((_, index) => cached[index] && !isDeepStrictEqual(cached[index].value, found[index]?.value ?? null));
    if (suspects.length > 0) await catchUp();
    for (const key of suspects) {
      if (entries.peek(key) !== cached[page.indexOf(key)]) continue;
      differing.push(key);
      entries.invalidate(key);
    }
  }
  return { entries: keys.length, keys: differing };
}

/** Differences of several caches as those of one. */
export const together = (found: readonly CachedDifferences[]): CachedDifferences => ({
  entries: found.reduce((sum, { entries }) => sum + entries, 0),
  keys: found.flatMap(({ keys }) => keys),
});
