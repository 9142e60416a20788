import type { Writes } from "./store.ts";

/** How a person was proven (RFC 8176, authentication method reference values). */
export type AuthenticationMethod = "pwd";

/** What a sign-in method answers: who was proven, and how. */
export interface Proof {
  readonly userId: string;
  readonly methods: readonly AuthenticationMethod[];
  /**
   * Records the use of the credential in the transaction of the sign-in. False where the credential was changed since it was verified:
   * then the sign-in is refused.
   */
  use(store: Writes, now: Date): Promise<boolean>;
}
