import { pageRequest } from "../../operation/paging.ts";
import type { Keys } from "../../platform/keys/keys.ts";

export interface ScanRequest {
  readonly keys: Keys;
  /** What the list is of: a cursor is good for this list only. */
  readonly list: string;
  readonly limit: number;
  readonly cursor?: string | undefined;
}

/** How many candidates one page looks at at most: a page may be short, or empty, and still have a next one. */
const scannedMax = 5_000;
const atOnce = 500;

/**
 * A page of those candidates that are chosen, in their order. Candidates are read in batches after a key, until the page is full
 * or enough has been looked at; the cursor goes on after the last candidate that was looked at.
 */
export async function scanPage(
  { keys, list, limit, cursor }: ScanRequest,
  candidates: (after: string | undefined, size: number) => Promise<readonly string[]>,
  choose: (ids: readonly string[]) => Promise<readonly string[]>,
): Promise<{ readonly items: readonly string[]; readonly nextCursor: string | null }> {
  const request = pageRequest(keys, list, { limit: 1, ...(cursor === undefined ? {} : { cursor }) });
  const items: string[] = [];
  let after = request.after?.[0];
  for (let scanned = 0; scanned < scannedMax; ) {
    const batch = await candidates(after, atOnce);
    const chosen = new Set(await choose(batch));
    for (const id of batch) {
      if (items.length === limit) return { items, nextCursor: cursorAfter(request, after) };
      after = id;
      if (chosen.has(id)) items.push(id);
    }
    scanned += batch.length;
    if (batch.length < atOnce) return { items, nextCursor: null };
  }
  return { items, nextCursor: cursorAfter(request, after) };
}

/** The cursor of a page of one row that has another after it: sealed as every cursor is. */
const cursorAfter = (request: ReturnType<typeof pageRequest>, after: string | undefined): string | null =>
  request.cut([after as string, ""], (id) => [id]).nextCursor;

/** Asked side by side, so that what they lack is loaded in few batches. */
const askedTogether = 100;

/** Those of `ids` of whom `may` is true. */
export async function chosenAmong(ids: readonly string[], may: (id: string) => Promise<boolean>): Promise<readonly string[]> {
  const chosen: string[] = [];
  for (let from = 0; from < ids.length; from += askedTogether) {
    const some = ids.slice(from, from + askedTogether);
    const answers = await Promise.all(some.map(may));
    chosen.push(...some.filter((_id, index) => answers[index]));
  }
  return chosen;
}

/** Candidates that are all at hand, sorted. */
export const among =
  (ids: readonly string[]) =>
  async (after: string | undefined, size: number): Promise<readonly string[]> =>
    ids.filter((id) => after === undefined || id > after).slice(0, size);
