import type { Budget } from "@gatehouse/policy";
import { LRUCache } from "lru-cache";
import { scanPage } from "#modules/authorization/decisions/index.ts";
import { invalid } from "#operation/declaration/errors.ts";
import { type Principal, principalKey } from "#operation/declaration/principal.ts";
import { nullable, pageMax, type Static, Type } from "#operation/declaration/schema.ts";
import type { Keys } from "#platform/keys/keys.ts";
import { digestOf } from "./canonical.ts";
import { open, optionalFacts } from "./entities.ts";

/** A encrypted place holds a name of 255 characters, of which each may be escaped twice, and two digests beside it. */
const tokenMax = 8_000;

/** 8.2.1. A limit above ours is a limit all the same: fewer may be given. */
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

/** 8.2.2. `next_token` is there in every answer, and empty at the end. */
export const PageOutput = Type.Object({ next_token: Type.String(), count: Type.Integer() });

export interface SearchPageRequest {
  readonly keys: Keys;
  /** Which search it is, in whose session, about which entities: a token is good for this one alone. */
  readonly search: string;
  readonly principal: Principal;
  readonly tenantId: string | null;
  readonly query: unknown;
  readonly page: PageInput | undefined;
}

/** Where a page begins and how long it is at most. */
export interface Place {
  readonly limit: number;
  readonly cursor: string | undefined;
  /** The token of the page after this one, which begins at `cursor`; empty where there is none. */
  next(cursor: string | null | undefined): string;
}

/** One purpose for all: the keys keep one for each. What tells searches apart is inside. */
const purpose = "authzen page";

/**
 * Opens the token of the request. All that was asked must be as before; a limit and page properties may be left out, then they
 * are as before (8.2.1, and the example in 8.2.3, which leaves them out).
 */
export function placeOf({ keys, search, principal, tenantId, query, page }: SearchPageRequest): Place {
  const of = digestOf([search, tenantId, principalKey(principal), query]);
  const token = page?.token ?? null;
  const before = token === null ? undefined : openToken(keys, token);
  if (before !== undefined && before.of !== of) throw wrong("token");
  const given = { limit: page?.limit ?? null, properties: page?.properties == null ? null : digestOf(page.properties) };
  for (const name of ["limit", "properties"] as const) {
    if (before !== undefined && given[name] !== null && given[name] !== before[name]) throw wrong(name);
  }
  const kept = before ?? given;
  return {
    limit: Math.min(kept.limit ?? pageMax, pageMax),
    cursor: before?.cursor ?? undefined,
    next: (cursor) =>
      cursor === null ? "" : encryptedOnce(keys, JSON.stringify({ of, limit: kept.limit, properties: kept.properties, cursor })),
  };
}

interface PageToken {
  readonly of: string;
  readonly limit: number | null;
  readonly properties: string | null;
  readonly cursor?: string;
}

function openToken(keys: Keys, token: string): PageToken {
  try {
    return JSON.parse(keys.decrypt(token, purpose)) as PageToken;
  } catch {
    throw wrong("token");
  }
}

const wrong = (name: "token" | "limit" | "properties") =>
  invalid(
    name === "token"
      ? { field: "page.token", rule: "token", message: "is not a token of this search" }
      : { field: `page.${name}`, rule: "as_before", message: "is not the one of the page before" },
  );

/** Encryption is another text each time, and the answer to a question that is asked again must be the same body. */
const tokens = new WeakMap<Keys, LRUCache<string, string>>();
const tokensMax = 10_000;
const tokenBytesMax = 16 * 1_024 * 1_024;

function encryptedOnce(keys: Keys, place: string): string {
  let known = tokens.get(keys);
  if (known === undefined) {
    known = new LRUCache({ max: tokensMax, maxSize: tokenBytesMax, sizeCalculation: (token, place) => token.length + place.length });
    tokens.set(keys, known);
  }
  const token = known.get(place) ?? keys.encrypt(place, purpose);
  known.set(place, token);
  return token;
}

/** The scan's own cursor stands inside of our token, which is encrypted. */
const unencrypted: Keys = { encrypt: (plaintext) => plaintext, decrypt: (sealed) => sealed };

/** The page of those candidates that are chosen. */
export async function pageFrom(
  place: Place,
  candidates: (after: string | undefined, size: number) => Promise<readonly string[]>,
  choose: (ids: readonly string[]) => Promise<readonly string[]>,
  budget: Budget,
): Promise<{ readonly ids: readonly string[]; readonly page: Static<typeof PageOutput>; readonly end: string | null }> {
  // Nothing was wanted: what comes after it begins where this began.
  if (place.limit === 0) return { ids: [], page: { next_token: place.next(place.cursor), count: 0 }, end: "" };
  const { items, nextCursor, end } = await scanPage(
    { keys: unencrypted, list: "", limit: place.limit, cursor: place.cursor },
    candidates,
    choose,
    budget,
  );
  return { ids: items, page: { next_token: place.next(nextCursor), count: items.length }, end };
}
