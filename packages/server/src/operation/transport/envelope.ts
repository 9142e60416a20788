import { OutcomeUnknown, Unavailable } from "#platform/unavailable.ts";
import {
  DependencyUnavailable,
  type ErrorDetail,
  InternalError,
  invalid,
  OperationError,
  OutcomeNotKnown,
  PayloadTooLarge,
  UnsupportedMediaType,
} from "../declaration/errors.ts";

/** The error envelope (docs/contract.md, "Answers"), the same for every transport. */
export interface ErrorEnvelope {
  readonly success: false;
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly details: readonly ErrorDetail[];
    readonly traceId: string;
    readonly docs: string;
  };
}

export function envelopeOf({ definition, details }: OperationError, traceId: string, publicUrl: string): ErrorEnvelope {
  const { code, message } = definition;
  return { success: false, error: { code, message, details, traceId, docs: `${publicUrl}/errors/${code}` } };
}

/** Maps anything thrown to an OperationError. */
export function asOperationError(error: unknown): OperationError {
  if (error instanceof OperationError) return error;
  if (error instanceof OutcomeUnknown) return new OperationError(OutcomeNotKnown, [], { cause: error, retryAfterSeconds: 1 });
  if (error instanceof Unavailable) return new OperationError(DependencyUnavailable, [], { cause: error, retryAfterSeconds: 1 });
  const status = (error as { statusCode?: number }).statusCode;
  if (status === 413) return new OperationError(PayloadTooLarge);
  if (status === 415) return new OperationError(UnsupportedMediaType);
  if (status !== undefined && status >= 400 && status < 500) {
    // Errors of Fastify: a malformed body, an address that cannot be decoded.
    return invalid({ field: "request", rule: "syntax", message: "cannot be read: malformed address or JSON" });
  }
  return new OperationError(InternalError, [], { cause: error });
}
