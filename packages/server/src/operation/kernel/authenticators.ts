import type { Operation } from "../declaration/operation.ts";
import type { Origin } from "../declaration/origin.ts";
import { type IdentifiedPrincipal, isIdentified, type Principal } from "../declaration/principal.ts";
import type { RateLimitFields } from "../declaration/rate-limit-fields.ts";
import type { MaybePromise } from "./maybe-promise.ts";

/** Authenticates one kind of credential. The module that issues the credentials registers it in its manifest. */
export interface Authenticator {
  /** Whether the token has the form of these credentials, by its text alone: a prefix or a header. */
  accepts(token: string): boolean;
  /** The principal of the token; null where it is unknown, expired or revoked. Throws Unavailable where it cannot decide. */
  authenticate(token: string): MaybePromise<IdentifiedPrincipal | null>;
  /**
   * Enforces the restrictions of the credential itself, such as networks and rate limits, before the input is read. Throws or rejects with an
   * OperationError where the call is refused. Undefined for the principal of another authenticator, and for an unrestricted credential.
   */
  admit?(principal: IdentifiedPrincipal, request: AdmissionRequest): MaybePromise<Admission> | undefined;
  /** `start` is called once before the first token, `stop` when the process ends. */
  start?(): void;
  stop?(): Promise<void>;
}

export interface AdmissionRequest {
  readonly operation: Operation;
  readonly origin: Origin;
}

/** A call that its credential admits. */
export interface Admission {
  /** The state of the credential's rate limits, for the headers of the answer. */
  readonly rateLimits: RateLimitFields | undefined;
  /** Called once when the call has ended, with the HTTP status of its answer. */
  ended(status: number): void;
}

/** The principal of a token; null where no authenticator recognizes it. */
export type Authenticate = (token: string) => MaybePromise<Principal | null>;

/** Uses the first authenticator that accepts the form of a token. A token that none accepts is no credential. */
export const authenticateWith =
  (authenticators: readonly Authenticator[]): Authenticate =>
  (token) =>
    authenticators.find((authenticator) => authenticator.accepts(token))?.authenticate(token) ?? null;

/** Admits a call of an authenticated principal. Undefined where its credential is unrestricted. */
export type Admit = (principal: Principal, request: AdmissionRequest) => MaybePromise<Admission> | undefined;

/** The first authenticator that recognizes the principal's credential admits the call. */
export function admitWith(authenticators: readonly Authenticator[]): Admit {
  const admitting = authenticators.flatMap((authenticator) =>
    authenticator.admit === undefined ? [] : [authenticator.admit.bind(authenticator)],
  );
  return (principal, request) => {
    if (!isIdentified(principal)) return undefined;
    for (const admit of admitting) {
      const admission = admit(principal, request);
      if (admission !== undefined) return admission;
    }
    return undefined;
  };
}
