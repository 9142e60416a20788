import type { Authenticate } from "./authenticators.ts";
import type { Answer, Call, Dispatch } from "./dispatch.ts";
import { CredentialInvalid, OperationError } from "./errors.ts";
import { after, type MaybePromise } from "./maybe-promise.ts";
import type { Operation } from "./operation.ts";
import type { Origin } from "./origin.ts";
import { anonymous, type Principal } from "./principal.ts";

/** A credential as it came with a request; a header is meant by whoever sends it, a cookie is sent by the browser. */
export interface SentCredential {
  readonly token: string;
  readonly from: "header" | "cookie";
}

/** A request as a transport received it: with the credential that was sent, not yet with the principal. */
export interface ReceivedCall {
  readonly operation: Operation;
  readonly credential: SentCredential | undefined;
  readonly origin: Origin;
  /** Reads the rest of the request: an invalid credential is refused before an invalid body. */
  call(principal: Principal): Call;
}

/** What a door hands requests to: the process itself, or one behind NATS. Refusals are thrown or rejected. */
export type Serve = (received: ReceivedCall) => MaybePromise<Answer>;

/** Serves with this process's own operations. `refused` hears of calls with a credential that nobody has, and when they began. */
export function servedHere(
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

/** A stale cookie must not keep a browser from signing in again. */
const anonymousInstead = ({ from }: SentCredential, { allow }: Operation): Principal | undefined =>
  from === "cookie" && allow.kind === "anyone" ? anonymous : undefined;
