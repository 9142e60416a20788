import { BlockList, isIP } from "node:net";
import ipaddr from "ipaddr.js";

/** Whether an allow-list contains an address in the form of `parseAddress`; null is an unknown address. */
export type NetworkList = (address: string | null) => boolean;

/** The longest text of a network: an IPv6 address of 45 characters with a prefix length. */
export const networkLengthMax = 49;

/**
 * The canonical form of an address or CIDR range: `10.0.0.0/8`, `2001:db8::/32`, `192.0.2.1/32`. A range that is mapped into IPv6 (RFC 4291
 * §2.5.5.2) is the IPv4 range. Undefined for any other text, and for a range with bits beyond its prefix (`10.1.2.3/8`), which is ambiguous.
 */
export function canonicalNetwork(text: string): string | undefined {
  const parsed = parse(text);
  if (parsed === undefined) return undefined;
  const [address, prefix] = parsed;
  const family = address.kind() === "ipv4" ? ipaddr.IPv4 : ipaddr.IPv6;
  const canonical = `${address.toString()}/${prefix}`;
  return family.networkAddressFromCIDR(canonical).toString() === address.toString() ? canonical : undefined;
}

function parse(text: string): [ipaddr.IPv4 | ipaddr.IPv6, number] | undefined {
  if (text.length > networkLengthMax || text.includes("%")) return undefined;
  const [network = "", bits, ...more] = text.split("/");
  const version = isIP(network);
  // Node accepts only the strict forms; the library also accepts `10.1` and `0x0a000001`.
  if (version === 0 || more.length > 0 || (bits !== undefined && !/^\d{1,3}$/.test(bits))) return undefined;
  const address = ipaddr.parse(network);
  const prefix = bits === undefined ? (version === 4 ? 32 : 128) : Number(bits);
  if (prefix > (version === 4 ? 32 : 128)) return undefined;
  if (!(address instanceof ipaddr.IPv6) || !address.isIPv4MappedAddress()) return [address, prefix];
  return prefix < mappedBits ? undefined : [address.toIPv4Address(), prefix - mappedBits];
}

/** The bits of `::ffff:0:0/96`. */
const mappedBits = 96;

/** An allow-list of networks in the form of {@link canonicalNetwork}. Throws for any other text, which must not be ignored. */
export function networkList(networks: readonly string[]): NetworkList {
  const list = new BlockList();
  for (const network of networks) {
    const parsed = parse(network);
    if (parsed === undefined) throw new Error(`"${network}" is not a network`);
    const [address, prefix] = parsed;
    list.addSubnet(address.toString(), prefix, address.kind());
  }
  return (address) => {
    const version = address === null ? 0 : isIP(address);
    return version !== 0 && list.check(address as string, version === 4 ? "ipv4" : "ipv6");
  };
}
