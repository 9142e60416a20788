import type { IdentifiedPrincipal, Principal } from "../declaration/principal.ts";
import type { MaybePromise } from "./maybe-promise.ts";

/** Authenticates one kind of credential. The module that issues the credentials registers it in its manifest. */
export interface Authenticator {
  /** Whether the token has the form of these credentials, by its text alone: a prefix or a header. */
  accepts(token: string): boolean;
  /** The principal of the token; null where it is unknown, expired or revoked. Throws Unavailable where it cannot decide. */
  authenticate(token: string): MaybePromise<IdentifiedPrincipal | null>;
  /** `start` is called once before the first token, `stop` when the process ends. */
  start?(): void;
  stop?(): Promise<void>;
}

/** The principal of a token; null where no authenticator recognizes it. */
export type Authenticate = (token: string) => MaybePromise<Principal | null>;

/** Uses the first authenticator that accepts the form of a token. A token that none accepts is no credential. */
export const authenticateWith =
  (authenticators: readonly Authenticator[]): Authenticate =>
  (token) =>
    authenticators.find((authenticator) => authenticator.accepts(token))?.authenticate(token) ?? null;
