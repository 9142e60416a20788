import { AsyncLocalStorage } from "node:async_hooks";
import type { SessionFacts } from "#modules/signin/sessions/index.ts";
import type { Origin } from "#operation/declaration/origin.ts";
import type { Login } from "./login.ts";
import type { OrganizationChoice } from "./organization-choice.ts";
import { UnitOfWork } from "./unit-of-work.ts";

/** What one request of the protocol knows and changes. */
export class RequestState {
  readonly origin: Origin;
  /** The signed-in user; null where the request has no cookie of a live session. */
  readonly login: Login | null;
  readonly work = new UnitOfWork();
  /** The session of this product to which the provider's session, grant or token of the request is bound, once it has been read. */
  sessionId: string | null = null;
  /** The facts of that session, once the account has been read. */
  session: SessionFacts | undefined;
  /** The organization of the grant of the request, once it has been read or made. */
  organizationId: string | null = null;
  /** The choice of the organization, once it is known. */
  organizationChoice: OrganizationChoice | undefined;
  /** The session of this product to which the provider's session of the browser is bound. */
  browserSessionId: string | null = null;
  /** The hash of the refresh token that the request replaces. */
  rotatedHash: string | null = null;
  /** The secret of the form that confirms a sign-out, where the library waits for it. */
  logoutForm: string | undefined;
  /** The user of the ID token by which a client asks for a sign-out. */
  idTokenSubject: string | undefined;
  /** What failed inside the library, which answers with a plain 500. */
  failure: unknown;
  /** The client that the library has authenticated. */
  clientId: string | undefined;

  constructor(origin: Origin, login: Login | null) {
    this.origin = origin;
    this.login = login;
  }
}

const requests = new AsyncLocalStorage<RequestState>();

export const withRequestState = <T>(state: RequestState, work: () => Promise<T>): Promise<T> => requests.run(state, work);

/** The state of the request that is handled. The library passes none to its storage. */
export function requestState(): RequestState {
  const state = requests.getStore();
  if (state === undefined) throw new Error("the provider's storage is used outside of a request");
  return state;
}
