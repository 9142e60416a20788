import { parseCookie, stringifySetCookie } from "cookie";
import type { FastifyRequest } from "fastify";
import { CrossSiteRequest, OperationError } from "../declaration/errors.ts";
import type { SentCredential } from "../transport/serve.ts";

/** Where the session token stands in a browser (docs/contract.md, "Credentials"). */
export const sessionCookieName = "gh_session";

/**
 * Behind HTTPS the name has the prefix with which browsers take the cookie from this very host only, for every path (RFC 6265bis
 * §4.1.3.2): a sibling host cannot set a session of its own for its visitors.
 */
const cookieNameFor = (publicUrl: string): string => (publicUrl.startsWith("https:") ? `__Host-${sessionCookieName}` : sessionCookieName);

/**
 * The credential of a request: `Authorization: Bearer` or `X-API-Key`, before the cookie. A cookie is sent by the browser whoever
 * wrote the page, so a request that changes something is taken from our own pages only.
 */
export function credentialOf(request: FastifyRequest, publicUrl: string, method: string): SentCredential | undefined {
  const { authorization, cookie } = request.headers;
  // Node joins several lines of the header with commas, which no credential has.
  const apiKey = request.headers["x-api-key"] as string | undefined;
  if (authorization !== undefined) {
    const token = /^Bearer +(\S+)$/i.exec(authorization)?.[1];
    // Another scheme is no credential of ours: it is refused as an unknown one, not overlooked. Two credentials name two principals.
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
 * The session token of a Cookie header. Two different ones are no credential: which of them the browser sends first can be decided by
 * another host or path that has set one (RFC 6265 §5.4), and the caller would act in somebody else's session.
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

function refuseOtherSites(request: FastifyRequest, publicUrl: string): void {
  const site = request.headers["sec-fetch-site"];
  const origin = request.headers.origin;
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
