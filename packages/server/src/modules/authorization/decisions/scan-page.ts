import type { Budget } from "@gatehouse/policy";
import { pageRequest } from "#operation/kernel/paging.ts";
import type { Keys } from "#platform/keys/keys.ts";
import { requestSteps } from "./decision-budgets.ts";
import type { DecidedItems } from "./undecided.ts";

export interface ScanRequest {
  readonly keys: Keys;
  /** What the list is of: a cursor is good for this list only. */
  readonly list: string;
  readonly limit: number;
  readonly cursor?: string | undefined;
}

/** Half of what a request may cost, so that what is begun is finished. */
const budgetForPage = requestSteps / 2;

/** How many candidates one page looks at at most: a page may be short, or empty, and still have a next one. */
const scannedMax = 5_000;
const readAtOnce = 500;
/** So many are decided before it is looked whether the request's budget is enough for more. */
const chosenAtOnce = 50;

/**
 * A page of those candidates that are chosen, in their order. Candidates are read in batches after a key, until the page is full
 * or enough has been looked at; the cursor goes on after the last candidate that was looked at, which is
 * the page's `end`.
 */
export async function scanPage(
  { keys, list, limit, cursor }: ScanRequest,
  candidates: (after: string | undefined, size: number) => Promise<readonly string[]>,
  choose: (ids: readonly string[]) => Promise<readonly string[]>,
  budget: Budget,
): Promise<{ readonly items: readonly string[]; readonly nextCursor: string | null; readonly end: string | null }> {
  const request = pageRequest(keys, list, { limit: 1, ...(cursor === undefined ? {} : { cursor }) });
  const items: string[] = [];
  let after = request.after?.[0];
  for (let scanned = 0; scanned < scannedMax; ) {
    const batch = await candidates(after, readAtOnce);
    for (let from = 0; from < batch.length; from += chosenAtOnce) {
      // A page that has cost much ends here, and the next one has a budget of its own.
      if (scanned > 0 && budget.spent > budgetForPage) return { items, nextCursor: cursorAfter(request, after), end: after ?? "" };
      const some = batch.slice(from, from + chosenAtOnce);
      const chosen = new Set(await choose(some));
      for (const id of some) {
        if (items.length === limit) return { items, nextCursor: cursorAfter(request, after), end: after ?? "" };
        after = id;
        if (chosen.has(id)) items.push(id);
      }
      scanned += some.length;
    }
    if (batch.length < readAtOnce) return { items, nextCursor: null, end: null };
  }
  return { items, nextCursor: cursorAfter(request, after), end: after ?? "" };
}

/** The cursor of a page of one row that has another after it: encrypted as every cursor is. */
const cursorAfter = (request: ReturnType<typeof pageRequest>, after: string | undefined): string | null =>
  request.cut([after as string, ""], (id) => [id]).nextCursor;

/** What is decided of each of `ids`; asked side by side, so that what they lack is loaded in few batches. */
export async function decidedAmong(ids: readonly string[], decide: (id: string) => Promise<DecidedItems>): Promise<DecidedItems> {
  const answers = await Promise.all(ids.map(decide));
  return { allowed: answers.flatMap(({ allowed }) => allowed), undecided: answers.flatMap(({ undecided }) => undecided) };
}

/** Candidates that are all at hand, sorted. */
export const among =
  (ids: readonly string[]) =>
  async (after: string | undefined, size: number): Promise<readonly string[]> =>
    ids.filter((id) => after === undefined || id > after).slice(0, size);
