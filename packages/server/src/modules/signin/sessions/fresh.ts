import type { UserPrincipal } from "#operation/declaration/principal.ts";

/** How long after a sign-in somebody may end other sessions without signing in again (docs/security/sign-in.md). */
export const freshSeconds = 15 * 60;

/** True where the caller has signed in lately. */
export const isFresh = ({ credential }: UserPrincipal, now: Date): boolean =>
  now.getTime() - credential.authenticatedAt <= freshSeconds * 1_000;
