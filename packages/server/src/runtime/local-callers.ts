import type { FastifyReply, FastifyRequest } from "fastify";
import { parseAddress } from "#platform/network/address.ts";
import { isLoopbackAddress, isNearbyAddress } from "#platform/network/address-ranges.ts";
import type { TrustedProxies } from "#platform/network/trusted-proxies.ts";
import { isLocalName } from "./configuration.ts";

/** What proxies add to a request. A request with one of them was made elsewhere, whatever else it says. */
const forwardingHeaders = [
  "forwarded",
  "via",
  "x-forwarded-host",
  "x-forwarded-server",
  "x-forwarded-proto",
  "x-forwarded-port",
  "x-real-ip",
  "x-client-ip",
  "true-client-ip",
  "cf-connecting-ip",
] as const;

/**
 * Hides a route from everybody but callers on this machine: the development inbox shows tokens, metrics tell about all tenants. A hook of
 * the routes themselves, so that it runs for the route that was matched, however its path is written.
 */
export const localCallersOnly = (trusted: TrustedProxies) => async (request: FastifyRequest, reply: FastifyReply) => {
  if (!isLocalCaller(request, trusted)) return reply.callNotFound();
};

/**
 * By three signs, because each alone can be missing: the connection comes from loopback; the Host is a name of this machine, so no page
 * elsewhere has made a name of its own lead here (DNS rebinding); and no proxy has added that the request comes from elsewhere. Where a
 * proxy is trusted, development behind it goes on: every address that it names is of this machine or of a private network.
 */
function isLocalCaller({ raw }: FastifyRequest, trusted: TrustedProxies): boolean {
  const { headers, socket } = raw;
  if (!isLoopbackAddress(parseAddress(socket.remoteAddress)) || !isLocalName(requestedHost(raw) ?? "")) return false;
  if (forwardingHeaders.some((name) => headers[name] !== undefined)) return false;
  const forwardedFor = headers["x-forwarded-for"] as string | undefined;
  if (forwardedFor === undefined) return true;
  return trusted.kind !== "none" && forwardedFor.split(",").every((entry) => isNearbyAddress(parseAddress(entry)));
}

/** The host that a request is for, in canonical form; an absolute target stands above the Host header (RFC 9112 §3.2.2). */
function requestedHost({ url = "", headers }: FastifyRequest["raw"]): string | undefined {
  const authority = /^[a-z][a-z\d+.-]*:\/\/([^/?#]*)/i.exec(url)?.[1] ?? headers.host ?? "";
  // A URL would take what stands before an @ for credentials.
  if (/[@/?#\\\s]/.test(authority) || !URL.canParse(`http://${authority}`)) return undefined;
  return new URL(`http://${authority}`).hostname.replace(/\.$/, "");
}
