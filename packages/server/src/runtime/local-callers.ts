import type { FastifyReply, FastifyRequest } from "fastify";
import { parseAddress } from "#platform/network/address.ts";
import { isLoopbackAddress, isNearbyAddress } from "#platform/network/address-ranges.ts";
import type { TrustedProxies } from "#platform/network/trusted-proxies.ts";
import { isLocalName } from "./configuration.ts";

/** Headers that proxies add. A request with one of them came through a proxy. */
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
 * Hides a route from all but callers on this machine: the development inbox shows tokens, and metrics cover all tenants. A route hook, so
 * that it runs for the matched route however the path is written.
 */
export const localCallersOnly = (trusted: TrustedProxies) => async (request: FastifyRequest, reply: FastifyReply) => {
  if (!isLocalCaller(request, trusted)) return reply.callNotFound();
};

/**
 * Requires three things, because none suffices alone. The connection comes from loopback. The Host is a name of this machine, so that no
 * foreign name resolves to it (DNS rebinding). No forwarding header is present. Behind a trusted proxy such headers are allowed where every
 * address in them belongs to this machine or to a private network.
 */
function isLocalCaller({ raw }: FastifyRequest, trusted: TrustedProxies): boolean {
  const { headers, socket } = raw;
  if (!isLoopbackAddress(parseAddress(socket.remoteAddress)) || !isLocalName(requestedHost(raw) ?? "")) return false;
  if (forwardingHeaders.some((name) => headers[name] !== undefined)) return false;
  const forwardedFor = headers["x-forwarded-for"] as string | undefined;
  if (forwardedFor === undefined) return true;
  return trusted.kind !== "none" && forwardedFor.split(",").every((entry) => isNearbyAddress(parseAddress(entry)));
}

/** The host that a request is for, in canonical form; an absolute target takes precedence over the Host header (RFC 9112 §3.2.2). */
function requestedHost({ url = "", headers }: FastifyRequest["raw"]): string | undefined {
  const authority = /^[a-z][a-z\d+.-]*:\/\/([^/?#]*)/i.exec(url)?.[1] ?? headers.host ?? "";
  // A URL would parse the text before an @ as credentials.
  if (/[@/?#\\\s]/.test(authority) || !URL.canParse(`http://${authority}`)) return undefined;
  return new URL(`http://${authority}`).hostname.replace(/\.$/, "");
}
