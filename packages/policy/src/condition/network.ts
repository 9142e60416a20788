/** An IP address as eight 16-bit groups; IPv4 in its mapped form (RFC 4291 §2.5.5.2), so that both compare alike. */
export type Address = readonly number[];

export interface Network {
  readonly address: Address;
  /** Counted over 128 bits. */
  readonly prefix: number;
}

const v4Groups = [0, 0, 0, 0, 0, 0xffff] as const;

function parseV4(text: string): number[] | undefined {
  const octets = text.split(".");
  if (octets.length !== 4 || !octets.every((octet) => /^(?:0|[1-9]\d{0,2})$/.test(octet) && Number(octet) <= 255)) return undefined;
  const [a, b, c, d] = octets.map(Number) as [number, number, number, number];
  return [a * 256 + b, c * 256 + d];
}

/** The longest form has 45 characters: eight groups, of which an IPv4 address is the last two. */
const lengthMax = 45;

/** An IPv4 or IPv6 address (RFC 5952 and the longer forms of RFC 4291), without a zone; undefined for anything else. */
export function parseAddress(text: string): Address | undefined {
  if (text.length > lengthMax) return undefined;
  if (!text.includes(":")) {
    const groups = parseV4(text);
    return groups && [...v4Groups, ...groups];
  }
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half, index) => groupsOf(half, index === halves.length - 1));
  if (!head || (halves.length === 2 && !tail)) return undefined;
  if (halves.length === 1) return head.length === 8 ? head : undefined;
  const missing = 8 - head.length - (tail as number[]).length;
  return missing < 1 ? undefined : [...head, ...new Array<number>(missing).fill(0), ...(tail as number[])];
}

function groupsOf(text: string, last: boolean): number[] | undefined {
  if (text === "") return [];
  const groups: number[] = [];
  const written = text.split(":");
  for (const [index, group] of written.entries()) {
    if (last && index === written.length - 1 && group.includes(".")) {
      const v4 = parseV4(group);
      if (!v4) return undefined;
      groups.push(...v4);
    } else if (/^[0-9a-fA-F]{1,4}$/.test(group)) groups.push(Number.parseInt(group, 16));
    else return undefined;
  }
  return groups;
}

/** `10.0.0.0/8`, `2001:db8::/32`, or one address; undefined for anything else. Bits beyond the prefix are ignored. */
export function parseNetwork(text: string): Network | undefined {
  const slash = text.indexOf("/");
  const address = parseAddress(slash < 0 ? text : text.slice(0, slash));
  if (!address) return undefined;
  const isV4 = !text.includes(":");
  if (slash < 0) return { address, prefix: 128 };
  const digits = text.slice(slash + 1);
  if (!/^(?:0|[1-9]\d{0,2})$/.test(digits) || Number(digits) > (isV4 ? 32 : 128)) return undefined;
  return { address, prefix: Number(digits) + (isV4 ? 96 : 0) };
}

export function isWithin(address: Address, network: Network): boolean {
  let bits = network.prefix;
  for (let group = 0; bits > 0; group++, bits -= 16) {
    const shift = bits >= 16 ? 0 : 16 - bits;
    if ((address[group] as number) >> shift !== (network.address[group] as number) >> shift) return false;
  }
  return true;
}
