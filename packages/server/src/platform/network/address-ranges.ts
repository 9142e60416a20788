import { BlockList, isIP } from "node:net";
import { parseAddress } from "./address.ts";

/** Named ranges, with the names of Express and common proxies: RFC 1122 and RFC 4291, RFC 3927, RFC 1918 and RFC 4193. */
export const namedRanges: Readonly<Record<string, readonly string[]>> = {
  loopback: ["127.0.0.0/8", "::1/128"],
  linklocal: ["169.254.0.0/16", "fe80::/10"],
  uniquelocal: ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"],
};

/** A prefix shorter than the shortest private range is rejected: it would let clients forge their address. */
const shortestPrefix = { 4: 8, 6: 7 } as const;

/** Builds an address predicate from names, addresses and CIDR ranges; undefined if an entry is invalid. */
export function addressRanges(entries: readonly string[]): ((address: string | null) => boolean) | undefined {
  const ranges = new BlockList();
  for (const entry of entries.flatMap((name) => (Object.hasOwn(namedRanges, name) ? (namedRanges[name] as readonly string[]) : [name]))) {
    const [network = "", bits, ...more] = entry.split("/");
    const family = isIP(network);
    // A zone names an interface of this machine, not a range.
    if (more.length > 0 || (family !== 4 && family !== 6) || network.includes("%")) return undefined;
    const address = parseAddress(network);
    // `::ffff:10.0.0.1` is an IPv4 address; a prefix of it would count IPv6 bits.
    if (address === null || (isIP(address) !== family && bits !== undefined)) return undefined;
    const type = isIP(address) === 4 ? "ipv4" : "ipv6";
    if (bits === undefined) {
      ranges.addAddress(address, type);
      continue;
    }
    const prefix = /^\d{1,3}$/.test(bits) ? Number(bits) : Number.NaN;
    if (!(prefix >= shortestPrefix[family] && prefix <= (family === 4 ? 32 : 128))) return undefined;
    ranges.addSubnet(address, prefix, type);
  }
  return (address) => address !== null && ranges.check(address, isIP(address) === 4 ? "ipv4" : "ipv6");
}

const loopback = addressRanges(["loopback"]) as (address: string | null) => boolean;
const nearby = addressRanges(["loopback", "linklocal", "uniquelocal"]) as (address: string | null) => boolean;

export const isLoopbackAddress = (address: string | null): boolean => loopback(address);
/** Whether the address is of this machine or of a private network, not of the internet. */
export const isNearbyAddress = (address: string | null): boolean => nearby(address);
