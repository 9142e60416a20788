import { clientNetwork, siteNetwork } from "../network/address.ts";
import type { Limit, Limits } from "./limits.ts";

/**
 * A site has up to 65,536 networks of /64, which may all belong to one customer. An office behind one IPv4 address has one
 * share, so four shares per site are generous.
 */
const sharesOfASite = 4;
/** Callers with an unknown address share one limit: otherwise hiding the address would avoid the limit. */
const unknown = "unknown";

interface Share {
  readonly key: string;
  readonly limit: Limit;
}

/** The limits that a call from an address counts against. */
function sharesOf(address: string | null, limit: Limit): readonly Share[] {
  const share = { key: address === null ? unknown : clientNetwork(address), limit };
  const site = address === null ? undefined : siteNetwork(address);
  return site === undefined ? [share] : [share, { key: site, limit: { ...limit, points: limit.points * sharesOfASite } }];
}

/**
 * Takes one point of a limit by address: of an IPv4 address, or of an IPv6 client's /64 and of its site's /48. Returns how many seconds
 * to wait, 0 if the call may continue. A call that must wait takes no point.
 */
export async function takeByAddress(limits: Limits, name: string, address: string | null, limit: Limit): Promise<number> {
  const taken: Share[] = [];
  for (const share of sharesOf(address, limit)) {
    const wait = await limits.take(name, share.key, share.limit);
    if (wait === 0) {
      taken.push(share);
      continue;
    }
    for (const { key, limit } of taken) await limits.giveBack(name, key, limit);
    return wait;
  }
  return 0;
}
