import { isIP, isIPv4 } from "node:net";

/** `[2001:db8:…]:65535` with an IPv4 suffix and a zone has 70 characters; a longer text is not an address. */
const lengthMax = 100;

/**
 * Parses an IP address in the forms of proxies, sockets and headers, and returns its canonical form: IPv4 in dotted decimals, IPv6 as in RFC
 * 5952. Drops a port (`192.0.2.1:4711`, `[2001:db8::1]:4711`), quotes (RFC 7239 §6), brackets and a zone (RFC 4007 §11).
 * Returns the IPv4 address for one that is mapped into IPv6 (RFC 4291 §2.5.5.2) or translated to it (RFC 6052 §2.1), so that a client
 * has one address on every path. Returns null for everything else.
 */
export function parseAddress(text: string | null | undefined): string | null {
  if (text === null || text === undefined || text.length > lengthMax) return null;
  const plain = text.trim().replace(/^"(.*)"$/, "$1");
  const bracketed = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(plain)?.[1];
  if (bracketed !== undefined) return parseIpv6(bracketed);
  const ipv4 = /^([\d.]+)(?::\d{1,5})?$/.exec(plain)?.[1];
  if (ipv4 !== undefined) return isIPv4(ipv4) ? ipv4 : null;
  return parseIpv6(plain);
}

function parseIpv6(text: string): string | null {
  const address = text.replace(/%[\w.~-]+$/, "");
  if (isIP(address) !== 6) return null;
  const groups = groupsOf(address);
  return embeddedIpv4(groups) ?? new URL(`http://[${address}]`).hostname.slice(1, -1);
}

/** `::ffff:0:0/96` (RFC 4291, mapped) and `64:ff9b::/96` (RFC 6052, NAT64): the IPv4 address in the last 32 bits. */
function embeddedIpv4(groups: readonly number[]): string | undefined {
  const [first, second, ...middle] = groups.slice(0, 6);
  const isMapped = first === 0 && second === 0 && middle.slice(0, 3).every((group) => group === 0) && middle[3] === 0xffff;
  const isTranslated = first === 0x64 && second === 0xff9b && middle.every((group) => group === 0);
  if (!isMapped && !isTranslated) return undefined;
  const [high, low] = groups.slice(6) as [number, number];
  return [high >> 8, high & 0xff, low >> 8, low & 0xff].join(".");
}

/** The eight groups of a valid IPv6 address. */
function groupsOf(address: string): readonly number[] {
  const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [head = "", tail] = canonical.split("::");
  const read = (half: string) => (half === "" ? [] : half.split(":").map((group) => Number.parseInt(group, 16)));
  const [before, after] = [read(head), read(tail ?? "")];
  return tail === undefined ? before : [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after];
}

/**
 * The network that limits and known addresses count as one client: an IPv4 address, or the `/64` of an IPv6 address, in which a device has
 * any number of addresses (RFC 8981). Takes a result of {@link parseAddress}.
 */
export function clientNetwork(address: string): string {
  return isIP(address) === 6 ? `${prefixOf(address, 4)}/64` : address;
}

/** The `/48` of a site (RFC 6177), which has 65,536 networks of `/64`; undefined for an IPv4 address. */
export function siteNetwork(address: string): string | undefined {
  return isIP(address) === 6 ? `${prefixOf(address, 3)}/48` : undefined;
}

const prefixOf = (address: string, groups: number): string =>
  `${groupsOf(address)
    .slice(0, groups)
    .map((group) => group.toString(16))
    .join(":")}::`;
