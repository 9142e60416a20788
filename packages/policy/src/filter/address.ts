import type { Network } from "../condition/network.ts";

const octet = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";
const ipv4 = `${octet}(?:\\.${octet}){3}`;
const group = "[0-9a-fA-F]{1,4}";
const to = `${group}:`;
const after = `:${group}`;

const ipv6 = [
  `(?:${to}){7}${group}`,
  `(?:${to}){1,7}:`,
  ...[1, 2, 3, 4, 5, 6].map((count) => `(?:${to}){1,${7 - count}}(?:${after}){1,${count}}`),
  `:(?:(?:${after}){1,7}|:)`,
  `(?:${to}){6}${ipv4}`,
  `(?:${to}){1,5}:${ipv4}`,
  ...[1, 2, 3, 4].map((count) => `(?:${to}){1,${5 - count}}(?:${after}){1,${count}}:${ipv4}`),
  `:(?:${after}){0,5}:${ipv4}`,
];

/**
 * The addresses that `parseAddress` accepts, without anchors and in the common regular expression syntax of JavaScript, PostgreSQL and PCRE.
 * Databases accept more (`010.0.0.1`, `10.0.0.0/8`), and PostgreSQL raises an error for invalid addresses.
 */
export const addressPattern = `(?:${[ipv4, ...ipv6].join("|")})`;

/** IPv4 is compared as `::ffff:0:0/96`, with a prefix of this many bits. */
const mappedPrefix = 96;
const mappedGroups = [0, 0, 0, 0, 0, 0xffff] as const;

/** The first and the last of a network's addresses, as 32 hexadecimal digits. */
export function boundsOf({ address, prefix }: Network): readonly [string, string] {
  const span = (1n << BigInt(128 - prefix)) - 1n;
  const first = address.reduce((sum, group) => (sum << 16n) | BigInt(group), 0n) & ~span;
  const digits = (number: bigint) => number.toString(16).padStart(32, "0");
  return [digits(first), digits(first | span)];
}

/** The network as CIDRs for software without mapped addresses: the IPv6 network, and the IPv4 one within it. */
export function cidrsOf({ address, prefix }: Network): readonly string[] {
  const ipv6 = `${address.map((group) => group.toString(16)).join(":")}/${prefix}`;
  const [first, last] = boundsOf({ address, prefix });
  const [high, low] = address.slice(6) as [number, number];
  if (prefix >= mappedPrefix) {
    const isMapped = mappedGroups.every((group, index) => group === address[index]);
    return isMapped ? [ipv6, `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}/${prefix - mappedPrefix}`] : [ipv6];
  }
  const oneMapped = "00000000000000000000ffff00000000";
  return first <= oneMapped && oneMapped <= last ? [ipv6, "0.0.0.0/0"] : [ipv6];
}
