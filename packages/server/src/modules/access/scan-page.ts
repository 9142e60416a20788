import { pageRequest } from "../../operation/paging.ts";
import type { Keys } from "../../platform/keys/keys.ts";
import type { DecidedItems, UndecidedItem } from "./undecided.ts";

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
 * or enough has been looked at; the cursor goes on after the last candidate that was looked at, which is
 * the page's `end`.
 */
export async function scanPage(
  { keys, list, limit, cursor }: ScanRequest,
  candidates: (after: string | undefined, size: number) => Promise<readonly string[]>,
  choose: (ids: readonly string[]) => Promise<readonly string[]>,
): Promise<{ readonly items: readonly string[]; readonly nextCursor: string | null; readonly end: string | null }> {
  const request = pageRequest(keys, list, { limit: 1, ...(cursor === undefined ? {} : { cursor }) });
  const items: string[] = [];
  let after = request.after?.[0];
  for (let scanned = 0; scanned < scannedMax; ) {
    const batch = await candidates(after, atOnce);
    const chosen = new Set(await choose(batch));
    for (const id of batch) {
      if (items.length === limit) return { items, nextCursor: cursorAfter(request, after), end: after ?? "" };
      after = id;
      if (chosen.has(id)) items.push(id);
    }
    scanned += batch.length;
    if (batch.length < atOnce) return { items, nextCursor: null, end: null };
  }
  return { items, nextCursor: cursorAfter(request, after), end: after ?? "" };
}

/** The cursor of a page of one row that has another after it: sealed as every cursor is. */
const cursorAfter = (request: ReturnType<typeof pageRequest>, after: string | undefined): string | null =>
  request.cut([after as string, ""], (id) => [id]).nextCursor;

/** Asked side by side, so that what they lack is loaded in few batches. */
const askedTogether = 100;

/** What is decided of each of `ids`. */
export async function decidedAmong(ids: readonly string[], decide: (id: string) => Promise<DecidedItems>): Promise<DecidedItems> {
  const allowed: string[] = [];
  const undecided: UndecidedItem[] = [];
  for (let from = 0; from < ids.length; from += askedTogether) {
    for (const answer of await Promise.all(ids.slice(from, from + askedTogether).map(decide))) {
      allowed.push(...answer.allowed);
      undecided.push(...answer.undecided);
    }
  }
  return { allowed, undecided };
}

/** Candidates that are all at hand, sorted. */
export const among =
  (ids: readonly string[]) =>
  async (after: string | undefined, size: number): Promise<readonly string[]> =>
    ids.filter((id) => after === undefined || id > after).slice(0, size);
