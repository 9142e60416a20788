import type { UserPrincipal } from "#operation/declaration/principal.ts";

/** The time after a sign-in within which a user may end other sessions (docs/security/sign-in.md). */
export const recentSeconds = 15 * 60;

/** Whether the caller has signed in recently. */
export const signedInRecently = ({ credential }: UserPrincipal, now: Date): boolean =>
  now.getTime() - credential.authenticatedAt <= recentSeconds * 1_000;
