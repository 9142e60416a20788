import type { OperationError } from "../declaration/errors.ts";
import type { Operation } from "../declaration/operation.ts";
import type { Origin } from "../declaration/origin.ts";
import type { Principal } from "../declaration/principal.ts";
import type { RateLimitFields } from "../declaration/rate-limit-fields.ts";
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
  /** The state of the credential's rate limits, where it has any. */
  readonly rateLimits?: RateLimitFields;
}

/** A call that was refused before it was dispatched: its credential is unknown, or does not admit it. */
export interface RefusedCall {
  readonly operation: Operation;
  readonly origin: Origin;
  /** Anonymous where the credential is unknown, expired or revoked. */
  readonly principal: Principal;
  readonly error: OperationError;
}

/**
 * The dispatch port. A caller hands over a call and gets an answer, or an OperationError; it cannot tell whether the
 * operation ran in its own process. An answer from memory comes without a promise; a refusal may be thrown or rejected.
 */
export type Dispatch = (call: Call) => MaybePromise<Answer>;
