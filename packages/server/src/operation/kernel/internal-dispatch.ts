import type { TypedOperation } from "../declaration/operation.ts";
import type { Origin } from "../declaration/origin.ts";
import { type Principal, system } from "../declaration/principal.ts";
import type { Static, TObject, TSchema } from "../declaration/schema.ts";
import type { Dispatch } from "./dispatch.ts";
import { backgroundOrigin } from "./scheduled.ts";

/** The typed answer of an operation. */
export interface TypedAnswer<Output> {
  readonly output: Output;
  /** Of a command: the revision of its transaction. */
  readonly revision?: string;
}

/**
 * Calls an operation of the same program by its declaration, by default as the principal `system`. Calls from other programs name their
 * operation and use {@link Dispatch}.
 */
export interface InternalDispatch {
  <Input extends TObject, Output extends TSchema>(
    operation: TypedOperation<Input, Output>,
    input: Static<Input>,
    options?: InternalCall,
  ): Promise<TypedAnswer<Static<Output>>>;
  /** Calls an operation by a stored name, such as in the payload of a job. */
  byName(operation: string, input: Record<string, unknown>, options?: InternalCall): Promise<TypedAnswer<unknown>>;
}

export interface InternalCall {
  readonly principal?: Principal;
  readonly origin?: Origin;
}

export function internalDispatch(dispatch: Dispatch): InternalDispatch {
  const byName: InternalDispatch["byName"] = async (operation, input, { principal = system, origin = backgroundOrigin() } = {}) =>
    dispatch({ operation, input, principal, origin });
  const typed = <Input extends TObject, Output extends TSchema>(
    operation: TypedOperation<Input, Output>,
    input: Static<Input>,
    options?: InternalCall,
  ) =>
    // The kernel validates the input, and the declared type of `run` is the type of the answer.
    byName(operation.name, input as Record<string, unknown>, options) as Promise<TypedAnswer<Static<Output>>>;
  return Object.assign(typed, { byName });
}
