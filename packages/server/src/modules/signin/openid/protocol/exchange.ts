import type { Provider } from "oidc-provider";
import type { HttpRequest } from "#operation/transport/http-message.ts";
import type { RequestState } from "./request-state.ts";

/** A request with what its answer depends on. */
export interface Exchange {
  readonly provider: Provider;
  readonly request: HttpRequest;
  readonly state: RequestState;
  /** Path without the query. */
  readonly path: string;
}
