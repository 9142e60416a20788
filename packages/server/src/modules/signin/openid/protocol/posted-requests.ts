import { OperationError, PayloadTooLarge, UnsupportedMediaType } from "#operation/declaration/errors.ts";
import type { HttpAnswer, HttpRequest } from "#operation/transport/http-message.ts";
import { paths } from "./routes.ts";

/** A server takes 16 KB of headers with an address and the cookies; requests have one or two kilobytes. */
const queryBytesMax = 8 * 1024;

/** Whether a page of an application has sent a form here: an authorization request (OpenID Connect Core §3.1.2.1) or a sign-out (RP-Initiated Logout §2). */
export const isPostedByBrowser = (method: string, path: string): boolean =>
  method === "POST" && (path === paths.authorization || path === paths.end_session);

/**
 * Sends the browser to the same address with the parameters as a query. A form of another site comes without the cookies of `SameSite=Lax`, so its
 * user would seem not to be signed in; the request that follows has them.
 */
export function sendAsQuery(path: string, { headers, body }: HttpRequest): HttpAnswer {
  if (body.byteLength > 0 && !/^application\/x-www-form-urlencoded\b/i.test(String(headers["content-type"] ?? "")))
    throw new OperationError(UnsupportedMediaType);
  const query = new URLSearchParams(Buffer.from(body).toString("utf8")).toString();
  if (query.length > queryBytesMax) throw new OperationError(PayloadTooLarge);
  return {
    status: 303,
    headers: { location: query === "" ? path : `${path}?${query}`, "cache-control": "no-store" },
    body: Buffer.alloc(0),
  };
}
