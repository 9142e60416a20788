import type { Origin } from "../declaration/origin.ts";
import type { Principal } from "../declaration/principal.ts";
import type { MaybePromise } from "./maybe-promise.ts";

/** A call of an operation, whichever transport it came by. */
export interface Call {
  readonly operation: string;
  readonly input: Record<string, unknown>;
  readonly principal: Principal;
  readonly origin: Origin;
  readonly idempotencyKey?: string | undefined;
  /** The versions that If-Match names, any of which will do; empty where it names none that can exist. */
  readonly ifMatch?: readonly number[] | undefined;
  readonly traceparent?: string | undefined;
}

export interface Answer {
  readonly output: unknown;
  /** The output as it is to be sent, where another process has serialized it already. */
  readonly text?: string;
  /** Of a command: the revision of its transaction. */
  readonly revision?: string;
  /** Of a command: whether it has appended events, which in-process caches must observe. */
  readonly appended?: boolean;
}

/**
 * The dispatch port. A caller hands over a call and gets an answer, or an OperationError; it cannot tell whether the
 * operation ran in its own process. An answer from memory comes without a promise; a refusal may be thrown or rejected.
 */
export type Dispatch = (call: Call) => MaybePromise<Answer>;
