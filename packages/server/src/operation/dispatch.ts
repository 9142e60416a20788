import type { MaybePromise } from "./maybe-promise.ts";
import type { Origin } from "./origin.ts";
import type { Principal } from "./principal.ts";

/** A call of an operation, from whichever door. */
export interface Call {
  readonly operation: string;
  readonly input: Record<string, unknown>;
  readonly principal: Principal;
  readonly origin: Origin;
  readonly idempotencyKey?: string | undefined;
  /** The versions that If-Match names, any of which will do; none of them, where it names what never was one. */
  readonly ifMatch?: readonly number[] | undefined;
  readonly traceparent?: string | undefined;
}

export interface Answer {
  readonly output: unknown;
  /** The output as it is to be sent, where another process has written it out already. */
  readonly text?: string;
  /** Of a command: the revision of its transaction. */
  readonly revision?: string;
  /** Of a command: whether it has appended events, which memories must hear of. */
  readonly appended?: boolean;
}

/**
 * The dispatch port. A caller hands over a call and gets an answer, or an OperationError; it cannot tell whether the
 * operation ran in its own process. What memory answers comes without a promise; a refusal may be thrown or rejected.
 */
export type Dispatch = (call: Call) => MaybePromise<Answer>;
