import type { Origin } from "#operation/declaration/origin.ts";
import { clientNetwork } from "#platform/network/address.ts";
import { pseudonym } from "#platform/secrets.ts";

/** An address without a sign-in for so long is unknown again. */
const knownForMs = 90 * 24 * 3_600 * 1_000;

/** The pseudonym of the caller's network, for counting and storage. */
export const addressOf = ({ ip }: Origin): string => pseudonym(ip === null ? "" : clientNetwork(ip));

/** An address is known where it has a sign-in since this time. */
export const knownSince = (now: Date): Date => new Date(now.getTime() - knownForMs);
