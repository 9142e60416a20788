import { refuseUnstorable as refuse, UnacceptableJson } from "#platform/json.ts";
import { invalid } from "./errors.ts";

/**
 * Rejects strings with NUL, which PostgreSQL cannot store, and with unpaired surrogates: both are refused rather than altered. Every
 * transport calls it; dispatch relies on it.
 */
export function refuseUnstorable(input: unknown): void {
  asInvalid(() => refuse(input));
}

/** Throws `common.validation_failed` where `work` throws {@link UnacceptableJson}. */
export function asInvalid<Result>(work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof UnacceptableJson)) throw error;
    throw invalid({ field: error.path.join(".") || "body", rule: error.rule, message: error.message });
  }
}
