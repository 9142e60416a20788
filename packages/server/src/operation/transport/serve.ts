import { CredentialInvalid, OperationError } from "../declaration/errors.ts";
import type { Operation } from "../declaration/operation.ts";
import type { Origin } from "../declaration/origin.ts";
import { anonymous, type Principal } from "../declaration/principal.ts";
import type { Authenticate } from "../kernel/authenticators.ts";
import type { Answer, Call, Dispatch } from "../kernel/dispatch.ts";
import { after, type MaybePromise } from "../kernel/maybe-promise.ts";

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

/**
 * Serves calls in this process. Calls `refused` for a credential that is unknown, expired or revoked; `began` is a value of
 * `performance.now()`.
 */
export function serveInProcess(
  dispatch: Dispatch,
  authenticate: Authenticate,
  refused?: (received: ReceivedCall, began: number) => void,
): Serve {
  return (received) => {
    const { credential, operation } = received;
    if (credential === undefined) return dispatch(received.call(anonymous));
    const began = performance.now();
    return after(authenticate(credential.token), (found) => {
      const principal = found ?? anonymousInstead(credential, operation);
      if (principal !== undefined) return dispatch(received.call(principal));
      refused?.(received, began);
      throw new OperationError(CredentialInvalid);
    });
  };
}

/** A stale cookie must not prevent a browser from signing in again. */
const anonymousInstead = ({ from }: SentCredential, { allow }: Operation): Principal | undefined =>
  from === "cookie" && allow.kind === "anyone" ? anonymous : undefined;
