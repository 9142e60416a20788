/**
 * Segments of unreserved characters (RFC 3986 §2.3), none of which begins with a dot, then an optional query. So a path has no `//`, `\`, `:`, `@`
 * or `%`, and no browser or proxy reads it as another origin; the query may carry addresses only percent-encoded.
 */
const pathOfThisSite = /^\/(?:[\w~-][\w.~-]*(?:\/[\w~-][\w.~-]*)*\/?)?(?:\?(?:[\w.~=&+-]|%[\da-f]{2})*)?$/i;

/** Browsers and proxies accept addresses of this length. */
const lengthMax = 2_000;

/** The value of `return_to` if it is a path of this site; else undefined, and it is not followed. A repeated parameter is a list. */
export const returnPath = (value: unknown): string | undefined =>
  typeof value === "string" && value.length <= lengthMax && pathOfThisSite.test(value) ? value : undefined;

/** The address of a page that leads back to `returnTo`. */
export const withReturn = (page: "/sign-in" | "/forgot-password", returnTo: string | undefined): string =>
  returnTo === undefined ? page : `${page}?return_to=${encodeURIComponent(returnTo)}`;
