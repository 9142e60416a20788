import { isDeepStrictEqual } from "node:util";
import type { EntryMap, LoadedEntry } from "./entry-map.ts";

/** Keys of one read, which takes milliseconds. */
const pageSize = 500;

export interface CachedDifferences {
  /** How many entries were compared. */
  readonly entries: number;
  /** Keys whose entry differed from the database. They were invalidated. */
  readonly keys: readonly string[];
}

/**
 * Compares cached entries with what `read` finds in the database and invalidates those that differ. `catchUp` resolves when this process has
 * observed every event committed before the call. An entry that an event has invalidated by then is no difference.
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

/** Combines the differences of several caches. */
export const together = (found: readonly CachedDifferences[]): CachedDifferences => ({
  entries: found.reduce((sum, { entries }) => sum + entries, 0),
  keys: found.flatMap(({ keys }) => keys),
});
