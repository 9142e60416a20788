import type { Budget } from "@gatehouse/policy";
import { LRUCache } from "lru-cache";
import { scanPage } from "#modules/authorization/decisions/index.ts";
import { invalid } from "#operation/declaration/errors.ts";
import { type Principal, principalKey } from "#operation/declaration/principal.ts";
import { nullable, pageMax, type Static, Type } from "#operation/declaration/schema.ts";
import type { Keys } from "#platform/keys/keys.ts";
import { digestOf } from "./canonical.ts";
import { open, optionalFacts } from "./entities.ts";

/** A token contains, encrypted, a name of 255 characters, each of which may be escaped twice, and two digests. */
const tokenMax = 8_000;

/** 8.2.1. A limit above the maximum is valid: a response may have fewer results. */
export const PageInput = Type.Optional(
  nullable(
    Type.Object(
      {
        token: Type.Optional(nullable(Type.String({ maxLength: tokenMax }))),
        limit: Type.Optional(nullable(Type.Integer({ minimum: 0 }))),
        properties: optionalFacts,
      },
      open,
    ),
  ),
);
type PageInput = Static<typeof PageInput>;

/** 8.2.2. `next_token` is in every response, and empty at the end. */
export const PageOutput = Type.Object({ next_token: Type.String(), count: Type.Integer() });

export interface SearchPageRequest {
  readonly keys: Keys;
  /** The kind of search. A token is valid only for the same search, principal, tenant and query. */
  readonly search: string;
  readonly principal: Principal;
  readonly tenantId: string | null;
  readonly query: unknown;
  readonly page: PageInput | undefined;
}

/** The start of a page and its maximum length. */
export interface PagePosition {
  readonly limit: number;
  readonly cursor: string | undefined;
  /** The token of the next page, which begins at `cursor`; empty if there is none. */
  next(cursor: string | null | undefined): string;
}

/** One encryption purpose for all searches: each purpose has its own derived key. The token itself identifies the search. */
const purpose = "authzen page";

/**
 * Decrypts the token of the request. The query must be the same as for the previous page. The limit and page properties may be omitted and
 * are then those of the previous page (8.2.1, and the example in 8.2.3).
 */
export function pagePositionOf({ keys, search, principal, tenantId, query, page }: SearchPageRequest): PagePosition {
  const of = digestOf([search, tenantId, principalKey(principal), query]);
  const token = page?.token ?? null;
  const previous = token === null ? undefined : decryptToken(keys, token);
  if (previous !== undefined && previous.of !== of) throw invalidPage("token");
  const given = { limit: page?.limit ?? null, properties: page?.properties == null ? null : digestOf(page.properties) };
  for (const name of ["limit", "properties"] as const) {
    if (previous !== undefined && given[name] !== null && given[name] !== previous[name]) throw invalidPage(name);
  }
  const effective = previous ?? given;
  return {
    limit: Math.min(effective.limit ?? pageMax, pageMax),
    cursor: previous?.cursor ?? undefined,
    next: (cursor) =>
      cursor === null ? "" : stableToken(keys, JSON.stringify({ of, limit: effective.limit, properties: effective.properties, cursor })),
  };
}

interface PageToken {
  readonly of: string;
  readonly limit: number | null;
  readonly properties: string | null;
  readonly cursor?: string;
}

function decryptToken(keys: Keys, token: string): PageToken {
  try {
    return JSON.parse(keys.decrypt(token, purpose)) as PageToken;
  } catch {
    throw invalidPage("token");
  }
}

const invalidPage = (name: "token" | "limit" | "properties") =>
  invalid(
    name === "token"
      ? { field: "page.token", rule: "token", message: "is not a token of this search" }
      : { field: `page.${name}`, rule: "as_before", message: "is not that of the previous page" },
  );

/** Caches tokens: encryption returns a different text each time, but equal requests must get equal responses. */
const tokens = new WeakMap<Keys, LRUCache<string, string>>();
const tokensMax = 10_000;
const tokenBytesMax = 16 * 1_024 * 1_024;

function stableToken(keys: Keys, content: string): string {
  let known = tokens.get(keys);
  if (known === undefined) {
    known = new LRUCache({ max: tokensMax, maxSize: tokenBytesMax, sizeCalculation: (token, content) => token.length + content.length });
    tokens.set(keys, known);
  }
  const token = known.get(content) ?? keys.encrypt(content, purpose);
  known.set(content, token);
  return token;
}

/** The scan's own cursor is inside the token, which is encrypted as a whole. */
const unencrypted: Keys = { encrypt: (plaintext) => plaintext, decrypt: (ciphertext) => ciphertext };

/** A page of the chosen candidates. */
export async function pageFrom(
  position: PagePosition,
  candidates: (after: string | undefined, size: number) => Promise<readonly string[]>,
  choose: (ids: readonly string[]) => Promise<readonly string[]>,
  budget: Budget,
): Promise<{ readonly ids: readonly string[]; readonly page: Static<typeof PageOutput>; readonly end: string | null }> {
  // An empty page: the next one begins at the same position.
  if (position.limit === 0) return { ids: [], page: { next_token: position.next(position.cursor), count: 0 }, end: "" };
  const { items, nextCursor, end } = await scanPage(
    { keys: unencrypted, list: "", limit: position.limit, cursor: position.cursor },
    candidates,
    choose,
    budget,
  );
  return { ids: items, page: { next_token: position.next(nextCursor), count: items.length }, end };
}
