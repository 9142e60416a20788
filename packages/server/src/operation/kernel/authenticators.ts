import type { IdentifiedPrincipal, Principal } from "../declaration/principal.ts";
import type { MaybePromise } from "./maybe-promise.ts";

/** Authenticates one form of credential. The module that issues the credentials registers it in its manifest. */
export interface Authenticator {
  /** Whether the token has the form of these credentials; decided from the text alone, by a prefix or a header. */
  accepts(token: string): boolean;
  /** The principal of the token; null where it is unknown, expired or revoked. Throws Unavailable where that cannot be known. */
  authenticate(token: string): MaybePromise<IdentifiedPrincipal | null>;
  /** Called once before the first token, and when the process ends. */
  start?(): void;
  stop?(): Promise<void>;
}

/** The principal of a token; null where no authenticator recognizes it. */
export type Authenticate = (token: string) => MaybePromise<Principal | null>;

/** The first authenticator that accepts the form of a token decides; a form that none accepts is no credential. */
export const authenticateWith =
  (authenticators: readonly Authenticator[]): Authenticate =>
  (token) =>
    authenticators.find((each) => each.accepts(token))?.authenticate(token) ?? null;
