import { CredentialInvalid, OperationError, withRateLimits } from "../declaration/errors.ts";
import type { Operation } from "../declaration/operation.ts";
import type { Origin } from "../declaration/origin.ts";
import { anonymous, type Principal } from "../declaration/principal.ts";
import type { Admission, Admit, Authenticate } from "../kernel/authenticators.ts";
import type { Answer, Call, Dispatch, RefusedCall } from "../kernel/dispatch.ts";
import { after, attempt, type MaybePromise } from "../kernel/maybe-promise.ts";
import { asOperationError } from "./envelope.ts";
import { statusOf } from "./serializer.ts";

/** The credential of a request. A client sets a header deliberately; a browser sends a cookie by itself. */
export interface SentCredential {
  readonly token: string;
  readonly from: "header" | "cookie";
}

/** A request as a transport received it: with its credential, before authentication. */
export interface ReceivedCall {
  readonly operation: Operation;
  readonly credential: SentCredential | undefined;
  readonly origin: Origin;
  /** Parses the rest of the request. Deferred, so that an invalid credential is refused before an invalid body. */
  call(principal: Principal): Call;
}

/** Answers the requests of a transport, in this process or in another one. Errors are thrown or rejected. */
export type Serve = (received: ReceivedCall) => MaybePromise<Answer>;

interface CredentialChecks {
  readonly admit?: Admit;
  /** Called for calls that are refused because of their credential; `began` is a value of `performance.now()`. */
  readonly refused?: (call: RefusedCall, began: number) => void;
}

/** Serves calls in this process. */
export function serveInProcess(dispatch: Dispatch, authenticate: Authenticate, { admit, refused }: CredentialChecks = {}): Serve {
  return (received) => {
    const { credential, operation, origin } = received;
    if (credential === undefined) return dispatch(received.call(anonymous));
    const began = performance.now();
    const refuse = (principal: Principal, error: unknown): never => {
      if (error instanceof OperationError) refused?.({ operation, origin, principal, error }, began);
      throw error;
    };
    return after(authenticate(credential.token), (found) => {
      const principal = found ?? anonymousInstead(credential, operation);
      if (principal === undefined) return refuse(anonymous, new OperationError(CredentialInvalid));
      if (admit === undefined) return dispatch(received.call(principal));
      return attempt(
        () => admit(principal, { operation, origin }),
        (admission) => (admission === undefined ? dispatch(received.call(principal)) : dispatchAdmitted(received, principal, admission)),
        (error) => refuse(principal, error),
      );
    });
  };

  function dispatchAdmitted(received: ReceivedCall, principal: Principal, { rateLimits, ended }: Admission): MaybePromise<Answer> {
    return attempt(
      () => dispatch(received.call(principal)),
      (answer) => {
        ended(statusOf(received.operation));
        return rateLimits === undefined ? answer : { ...answer, rateLimits };
      },
      (error) => {
        ended(asOperationError(error).definition.status);
        throw rateLimits !== undefined && error instanceof OperationError ? withRateLimits(error, rateLimits) : error;
      },
    );
  }
}

/** A stale cookie must not prevent a browser from signing in again. */
const anonymousInstead = ({ from }: SentCredential, { allow }: Operation): Principal | undefined =>
  from === "cookie" && allow.kind === "anyone" ? anonymous : undefined;
