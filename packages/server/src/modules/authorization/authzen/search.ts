import type { UndecidedItem } from "#modules/authorization/decisions/index.ts";
import { type Static, type TSchema, Type } from "#operation/declaration/schema.ts";
import { Facts } from "./entities.ts";
import { PageOutput } from "./page.ts";
import { isUnknownName, refusalOf } from "./refusal.ts";

/** AuthZEN 1.0, 8.3. `page` comes first, as the standard recommends. */
export const SearchAnswer = <Found extends TSchema>(found: Found) =>
  Type.Object({ page: PageOutput, context: Type.Optional(Facts), results: Type.Array(found) });

/** Lists the items that could not be decided without more data; absent if there are none. The content of the context is ours to define (8.3). */
export const contextOf = (type: string, undecided: readonly UndecidedItem[]): { readonly context?: Facts } =>
  undecided.length === 0
    ? {}
    : { context: { undecided: undecided.map(({ id, missing }) => ({ type, id, missing: missing.map(({ field }) => field) })) } };

interface Nothing {
  readonly page: Static<typeof PageOutput>;
  readonly context: Facts;
  readonly results: [];
}

/** An empty result, whose context has the reason. */
export const nothingFound = (context: Facts): Nothing => ({ page: { next_token: "", count: 0 }, context, results: [] });

/** Returns an empty result if the action or resource type is undefined (8.1). Any other error is rethrown. */
export async function orNothing<Answer>(work: () => Promise<Answer>): Promise<Answer | Nothing> {
  try {
    return await work();
  } catch (error) {
    if (!isUnknownName(error)) throw error;
    return nothingFound(refusalOf(error) as Facts);
  }
}
