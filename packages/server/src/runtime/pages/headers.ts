import type { FastifyReply } from "fastify";

type Directives = Readonly<Record<string, string>>;

const strict: Directives = {
  "default-src": "'none'",
  "script-src": "'self'",
  "style-src": "'self'",
  "img-src": "'self' data:",
  "connect-src": "'self'",
  "form-action": "'self'",
  "frame-ancestors": "'none'",
  "base-uri": "'none'",
};

const policy = (directives: Directives): string =>
  Object.entries(directives)
    .map((directive) => directive.join(" "))
    .join("; ");

/** The default content security policy of the pages. */
export const strictPolicy = policy(strict);

/** Mails use style attributes, and a `srcdoc` frame inherits the policy of its page. */
export const inboxPolicy = policy({ ...strict, "style-src-attr": "'unsafe-inline'" });

/**
 * Sets the headers of every answer of this folder. No referrer, because addresses contain tokens; no opener, because a mail
 * program opens pages with tokens; no caching, by proxies or the browser.
 */
export function setHeaders(reply: FastifyReply, requestId: string): void {
  reply
    .header("content-security-policy", strictPolicy)
    .header("referrer-policy", "no-referrer")
    .header("x-content-type-options", "nosniff")
    .header("cross-origin-opener-policy", "same-origin")
    .header("cache-control", "no-store")
    .header("x-request-id", requestId);
}
