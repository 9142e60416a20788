import { parseAddress } from "./address.ts";
import { addressRanges } from "./address-ranges.ts";

/** Whose `X-Forwarded-For` is trusted: none, that of a number of proxies in a row, or that of proxies at known addresses. */
export type TrustedProxies =
  | { readonly kind: "none" }
  | { readonly kind: "hops"; readonly hops: number }
  | { readonly kind: "addresses"; readonly text: string; includes(address: string | null): boolean };

export const noProxies: TrustedProxies = { kind: "none" };

/** A larger number of proxies in a row must be a mistake. */
const hopsMax = 16;

export const trustedProxiesForm =
  '"false", "true" (one proxy), the number of proxies in a row (1 to 16), or a list with commas of addresses, CIDR ranges (not shorter than /8, or /7 in IPv6), loopback, linklocal and uniquelocal';

/** Parses `TRUST_PROXY`; undefined if it is invalid. */
export function parseTrustedProxies(text: string): TrustedProxies | undefined {
  if (text === "false") return noProxies;
  if (text === "true") return { kind: "hops", hops: 1 };
  if (/^\d+$/.test(text)) {
    const hops = Number(text);
    return hops >= 1 && hops <= hopsMax ? { kind: "hops", hops } : undefined;
  }
  const includes = addressRanges(text.split(",").map((entry) => entry.trim()));
  return includes === undefined ? undefined : { kind: "addresses", text, includes };
}

/**
 * The address of the client behind the trusted proxies, or null if the header has no valid address. Each proxy appends the address that it
 * has seen to `X-Forwarded-For`, so the list is read from its end. Entries before the first untrusted one may be forged by the client.
 */
export function clientAddress(peer: string | undefined, forwardedFor: string | undefined, trusted: TrustedProxies): string | null {
  const direct = parseAddress(peer);
  if (trusted.kind === "none" || forwardedFor === undefined) return direct;
  const forwarded = forwardedFor.split(",");
  if (trusted.kind === "hops") return parseAddress(forwarded[Math.max(0, forwarded.length - trusted.hops)]);
  let address = direct;
  while (trusted.includes(address) && forwarded.length > 0) address = parseAddress(forwarded.pop());
  return address;
}
