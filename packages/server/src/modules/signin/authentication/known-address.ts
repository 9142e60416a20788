import type { Origin } from "#operation/declaration/origin.ts";
import { clientNetwork } from "#platform/network/address.ts";
import { pseudonym } from "#platform/secrets.ts";

/** After so long without a sign-in from an address, the address is unknown again. */
const knownForMs = 90 * 24 * 3_600 * 1_000;

/** The network that a call comes from, as it is counted and remembered: by a pseudonym. */
export const addressOf = ({ ip }: Origin): string => pseudonym(ip === null ? "" : clientNetwork(ip));

/** The moment since which a sign-in makes an address a known one. */
export const knownSince = (now: Date): Date => new Date(now.getTime() - knownForMs);
