import type { OperationError } from "../declaration/errors.ts";

/** Thrown by a command to end with `error` after its transaction has committed. */
export class CommittedFailure extends Error {
  readonly error: OperationError;

  constructor(error: OperationError) {
    super(error.message);
    this.error = error;
  }
}

/** The output of a command, or the error that it ends with after the commit. Every other error rolls the transaction back. */
export async function outcomeOf(run: () => unknown): Promise<{ readonly output: unknown } | { readonly failure: OperationError }> {
  try {
    return { output: await run() };
  } catch (error) {
    if (error instanceof CommittedFailure) return { failure: error.error };
    throw error;
  }
}
