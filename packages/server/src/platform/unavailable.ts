/** Why a call has no answer: it failed, it timed out, or the open circuit breaker rejected it. */
export type UnavailableReason = "failed" | "timeout" | "circuit_open";

/** A dependency that cannot answer now. The HTTP server answers 503; `cause` is only logged. */
export class Unavailable extends Error {
  readonly dependency: string;
  readonly reason: UnavailableReason;
  constructor(dependency: string, cause: unknown, reason: UnavailableReason = "failed") {
    super(`${dependency} is unavailable`, { cause });
    this.name = "Unavailable";
    this.dependency = dependency;
    this.reason = reason;
  }
}

/** No answer came, and the work may have been done. The caller must check, or retry with the same idempotency key. */
export class OutcomeUnknown extends Unavailable {
  constructor(dependency: string, cause: unknown, reason?: UnavailableReason) {
    super(dependency, cause, reason);
    this.name = "OutcomeUnknown";
  }
}
