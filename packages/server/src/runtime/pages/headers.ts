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

/** The policy of every page that does not say otherwise. */
export const strictPolicy = policy(strict);

/** Mails are laid out by style attributes, and a frame without an address of its own has the policy of its page. */
export const inboxPolicy = policy({ ...strict, "style-src-attr": "'unsafe-inline'" });

/**
 * Headers of whatever this folder answers. No referrer, because tokens stand in the addresses; no opener, because a
 * page with a token is opened from a mail program; nothing is stored, on the way or in the browser.
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
