import type { OperationError } from "../declaration/errors.ts";
import type { Operation } from "../declaration/operation.ts";
import type { Origin } from "../declaration/origin.ts";
import type { Principal } from "../declaration/principal.ts";
import type { RateLimitFields } from "../declaration/rate-limit-fields.ts";
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
  /** The state of the credential's rate limits, where it has any. */
  readonly rateLimits?: RateLimitFields;
}

/** A call that was refused before its dispatch: the credential is unknown, or its restrictions exclude the call. */
export interface RefusedCall {
  readonly operation: Operation;
  readonly origin: Origin;
  /** Anonymous where the credential is unknown, expired or revoked. */
  readonly principal: Principal;
  readonly error: OperationError;
}

/**
 * The dispatch port. Takes a call and returns its answer, or throws an OperationError. The operation may run in this process or in
 * another one. An in-memory answer is returned without a promise; an error may be thrown or rejected.
 */
export type Dispatch = (call: Call) => MaybePromise<Answer>;
