import { type Pending, PolicyError, reachMax } from "@gatehouse/policy";

/** More resources are reachable than the engine searches for: the list scans all resources instead, page by page. */
export const tooMany = Symbol("too many");

type Batch = (after: string | undefined, size: number) => Promise<readonly string[]>;

/** Evaluates `query`; returns {@link tooMany} if it exceeds the limit. Any other error is rethrown. */
export async function orTooMany<Answer>(query: () => Promise<Answer | Pending>): Promise<Answer | Pending | typeof tooMany> {
  try {
    return await query();
  } catch (error) {
    if (error instanceof PolicyError && error.code === "evaluation_limit") return tooMany;
    throw error;
  }
}

/**
 * Candidates of a list, sorted by id: the resources reachable by the subject, of which `find` returns a page, or if they are too many, all
 * resources in relationships. So a list never fails because of its length.
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
