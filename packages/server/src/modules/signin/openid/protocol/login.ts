import type { UserPrincipal } from "#operation/declaration/principal.ts";

/** The signed-in user of a browser: the live session of its cookie. */
export interface Login {
  readonly principal: UserPrincipal;
  readonly sessionId: string;
  readonly userId: string;
  /** The organization that the session is for; null where it is for none (docs/decisions/0014). */
  readonly organizationId: string | null;
}
