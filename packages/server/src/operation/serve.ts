import { anonymous, type Caller, type Origin } from "./caller.ts";
import type { Answer, Call, Dispatch } from "./dispatch.ts";
import { CredentialInvalid, OperationError } from "./errors.ts";
import { after, type MaybePromise } from "./maybe-promise.ts";
import type { Operation } from "./operation.ts";

/** A credential as it came with a request; a header is meant by whoever sends it, a cookie is sent by the browser. */
export interface SentCredential {
  readonly token: string;
  readonly from: "header" | "cookie";
}

/** A request as a door has it: with the credential that was sent, not yet with the person whose it is. */
export interface ReceivedCall {
  readonly operation: Operation;
  readonly credential: SentCredential | undefined;
  readonly origin: Origin;
  /** Reads the rest of the request; who is refused for his credential is not told what is wrong with his body. */
  call(caller: Caller): Call;
}

/** What a door hands requests to: the process itself, or one behind NATS. Refusals are thrown or rejected. */
export type Serve = (received: ReceivedCall) => MaybePromise<Answer>;

/** Who a session token belongs to; null when it is unknown, expired or ended. */
export type Authenticate = (token: string) => MaybePromise<Caller | null>;

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
      const caller = found ?? anonymousInstead(credential, operation);
      if (caller !== undefined) return dispatch(received.call(caller));
      refused?.(received, began);
      throw new OperationError(CredentialInvalid);
    });
  };
}

/** A stale cookie must not keep a browser from signing in again. */
const anonymousInstead = ({ from }: SentCredential, { allow }: Operation): Caller | undefined =>
  from === "cookie" && allow.kind === "anyone" ? anonymous : undefined;
