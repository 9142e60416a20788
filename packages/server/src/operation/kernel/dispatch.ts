import type { Origin } from "../declaration/origin.ts";
import type { Principal } from "../declaration/principal.ts";
import type { MaybePromise } from "./maybe-promise.ts";

/** A call of an operation, by any transport. */
export interface Call {
  readonly operation: string;
  readonly input: Record<string, unknown>;
  readonly principal: Principal;
  readonly origin: Origin;
  readonly idempotencyKey?: string | undefined;
  /** The versions in If-Match, any of which matches; empty where it has none that can exist. */
  readonly ifMatch?: readonly number[] | undefined;
  readonly traceparent?: string | undefined;
}

export interface Answer {
  readonly output: unknown;
  /** The serialized output, where another process has serialized it already. */
  readonly text?: string;
  /** The revision of a command's transaction. */
  readonly revision?: string;
  /** Whether a command appended events, which in-process caches must observe. */
  readonly appended?: boolean;
}

/**
 * The dispatch port. Takes a call and returns its answer, or throws an OperationError. The operation may run in this process or in
 * another one. An in-memory answer is returned without a promise; an error may be thrown or rejected.
 */
export type Dispatch = (call: Call) => MaybePromise<Answer>;
