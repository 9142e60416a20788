import type { Budget } from "@gatehouse/policy";
import { pageRequest } from "#operation/kernel/paging.ts";
import type { Keys } from "#platform/keys/keys.ts";
import { requestSteps } from "./decision-budgets.ts";
import type { DecidedItems } from "./undecided.ts";

export interface ScanRequest {
  readonly keys: Keys;
  /** Identifies the list: a cursor is valid for this list only. */
  readonly list: string;
  readonly limit: number;
  readonly cursor?: string | undefined;
}

/** Half of a request's budget, so that a batch that was started can finish. */
const budgetForPage = requestSteps / 2;

/** Candidates that one page examines at most: a page may be short or empty and still have a next one. */
const scannedMax = 5_000;
const readAtOnce = 500;
/** Candidates that are decided between two checks of the budget. */
const chosenAtOnce = 50;

/**
 * A page of the chosen candidates, in their order. Reads candidates in batches until the page is full or the limit of examined candidates is
 * reached. The next page starts after the last examined candidate, which is `end`.
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
      // An expensive page ends here; the next one has its own budget.
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

/** The encrypted cursor of a page that ends at `after`. */
const cursorAfter = (request: ReturnType<typeof pageRequest>, after: string | undefined): string | null =>
  request.cut([after as string, ""], (id) => [id]).nextCursor;

/** Decides each of `ids` concurrently, so that missing data is loaded in few batches. */
export async function decidedAmong(ids: readonly string[], decide: (id: string) => Promise<DecidedItems>): Promise<DecidedItems> {
  const answers = await Promise.all(ids.map(decide));
  return { allowed: answers.flatMap(({ allowed }) => allowed), undecided: answers.flatMap(({ undecided }) => undecided) };
}

/** Batches of candidates that are already known, sorted. */
export const batchesOf =
  (ids: readonly string[]) =>
  async (after: string | undefined, size: number): Promise<readonly string[]> =>
    ids.filter((id) => after === undefined || id > after).slice(0, size);
