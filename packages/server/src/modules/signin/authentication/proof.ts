import type { Writes } from "./store.ts";

/** The method of an authentication (RFC 8176, authentication method reference values). */
export type AuthenticationMethod = "pwd";

/** The result of a sign-in method: the authenticated user and the methods. */
export interface Proof {
  readonly userId: string;
  readonly methods: readonly AuthenticationMethod[];
  /**
   * Records the use of the credential in the transaction of the sign-in. False where the credential has changed since it was verified: the
   * sign-in is then refused.
   */
  use(store: Writes, now: Date): Promise<boolean>;
}
