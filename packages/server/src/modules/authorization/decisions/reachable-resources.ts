import { type Pending, PolicyError, reachMax } from "@gatehouse/policy";

/** More is in reach of the subject than the engine looks for: the list goes over all resources instead, page by page. */
export const tooMany = Symbol("too many");

type Batch = (after: string | undefined, size: number) => Promise<readonly string[]>;

/** The answer, or that there is too much of it. Any other error is one. */
export async function orTooMany<Answer>(ask: () => Promise<Answer | Pending>): Promise<Answer | Pending | typeof tooMany> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof PolicyError && error.code === "evaluation_limit") return tooMany;
    throw error;
  }
}

/**
 * Candidates of a list in the order of their ids: those in reach of the subject, of which `find` gives a page, or where they are too
 * many, all that relationships know. So a list ends a page at its limit and never fails for its length.
 */
export function reachableResources(find: (after: string | undefined) => Promise<readonly string[] | typeof tooMany>, all: Batch): Batch {
  let page: readonly string[] | typeof tooMany | undefined;
  return async (after, size) => {
    page ??= await find(after);
    if (page === tooMany) return all(after, size);
    const left = page.filter((id) => after === undefined || id > after);
    if (left.length >= size || page.length < reachMax) return left.slice(0, size);
    page = await find(after);
    return page === tooMany ? all(after, size) : page.slice(0, size);
  };
}
