import type { IncomingHttpHeaders } from "node:http";
import { parseCookie, stringifySetCookie } from "cookie";
import { CrossSiteRequest, OperationError } from "../declaration/errors.ts";
import type { SentCredential } from "../transport/serve.ts";

/** The name of the session cookie (docs/contract.md, "Credentials"). */
export const sessionCookieName = "gh_session";

/**
 * With HTTPS the name has the `__Host-` prefix, so browsers accept the cookie from this host only (RFC 6265bis §4.1.3.2). A sibling host
 * cannot set a session of its own for its visitors.
 */
const cookieNameFor = (publicUrl: string): string => (publicUrl.startsWith("https:") ? `__Host-${sessionCookieName}` : sessionCookieName);

/**
 * The credential of a request: `Authorization: Bearer` or `X-API-Key`, else the cookie. Browsers send a cookie with requests of any site, so
 * a writing request with a cookie is accepted only from this site's own pages.
 */
export function credentialOf(
  request: { readonly headers: IncomingHttpHeaders },
  publicUrl: string,
  method: string,
): SentCredential | undefined {
  const { authorization, cookie } = request.headers;
  // Node joins repeated headers with commas, which no credential has.
  const apiKey = request.headers["x-api-key"] as string | undefined;
  if (authorization !== undefined) {
    const token = /^Bearer +(\S+)$/i.exec(authorization)?.[1];
    // Another scheme is refused as an unknown credential, not ignored. Two different credentials are refused: they name two principals.
    return { token: token === undefined || (apiKey !== undefined && apiKey !== token) ? "" : token, from: "header" };
  }
  if (apiKey !== undefined) return { token: apiKey, from: "header" };
  if (cookie === undefined) return undefined;
  const token = tokenIn(cookie, cookieNameFor(publicUrl));
  if (token === undefined) return undefined;
  if (method !== "GET") refuseOtherSites(request, publicUrl);
  return { token, from: "cookie" };
}

/**
 * The session token of a Cookie header. Two different tokens are refused: another host or path that set one can control their order (RFC
 * 6265 §5.4), and the caller would act in another user's session.
 */
function tokenIn(header: string, name: string): string | undefined {
  const tokens = new Set(
    header
      .split(";")
      .map((pair) => parseCookie(pair)[name])
      .filter((token) => token !== undefined),
  );
  return tokens.size > 1 ? "" : [...tokens][0];
}

/** Refuses a request that a page of another site has caused. */
export function refuseOtherSites({ headers }: { readonly headers: IncomingHttpHeaders }, publicUrl: string): void {
  const site = headers["sec-fetch-site"];
  const origin = headers.origin;
  const foreignSite = site !== undefined && site !== "same-origin" && site !== "none";
  const foreignOrigin = origin !== undefined && origin !== new URL(publicUrl).origin;
  if (foreignSite || (site === undefined && foreignOrigin)) throw new OperationError(CrossSiteRequest);
}

export const sessionCookie = (output: { readonly sessionToken: string; readonly expiresAt: string }, publicUrl: string): string =>
  stringifySetCookie({
    ...cookieOptions(publicUrl),
    name: cookieNameFor(publicUrl),
    value: output.sessionToken,
    expires: new Date(output.expiresAt),
  });

export const clearSessionCookie = (publicUrl: string): string =>
  stringifySetCookie({ ...cookieOptions(publicUrl), name: cookieNameFor(publicUrl), value: "", expires: new Date(0) });

const cookieOptions = (publicUrl: string) => ({
  httpOnly: true,
  sameSite: "lax" as const,
  path: "/",
  secure: publicUrl.startsWith("https:"),
});
