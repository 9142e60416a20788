import type { RateLimitFields } from "./rate-limit-fields.ts";

/** An error that an operation can return: a stable code, its HTTP status (decision 0007), and a public message. */
export interface ErrorDefinition<Code extends string = string> {
  readonly code: Code;
  readonly status: number;
  readonly message: string;
}

/** The field in error and the rule that it violates; never the value that was sent. */
export interface ErrorDetail {
  readonly field?: string;
  readonly rule?: string;
  readonly [name: string]: unknown;
}

/** Declares an error. Codes have the form `context.problem`; they are only ever added. */
export const defineError = <const Code extends string>(code: Code, status: number, message: string): ErrorDefinition<Code> => ({
  code,
  status,
  message,
});

/** A declared error, thrown to the caller. `cause` is written to the log only. */
export class OperationError extends Error {
  readonly definition: ErrorDefinition;
  readonly details: readonly ErrorDetail[];
  readonly retryAfterSeconds: number | undefined;
  /** The state of the credential's rate limits, if it has any. */
  readonly rateLimits: RateLimitFields | undefined;

  constructor(
    definition: ErrorDefinition,
    details: readonly ErrorDetail[] = [],
    options: {
      readonly cause?: unknown;
      readonly retryAfterSeconds?: number | undefined;
      readonly rateLimits?: RateLimitFields | undefined;
    } = {},
  ) {
    super(definition.message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = "OperationError";
    this.definition = definition;
    this.details = details;
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.rateLimits = options.rateLimits;
  }
}

/** The same error with the state of the credential's rate limits. */
export const withRateLimits = (error: OperationError, rateLimits: RateLimitFields): OperationError =>
  new OperationError(error.definition, error.details, { cause: error.cause, retryAfterSeconds: error.retryAfterSeconds, rateLimits });

// Errors of the kernel: any operation can return them.
export const ValidationFailed = defineError("common.validation_failed", 400, "The request is not valid.");
export const RouteNotFound = defineError("common.not_found", 404, "There is nothing at this address.");
export const MethodNotAllowed = defineError("common.method_not_allowed", 405, "This address does not support this method.");
export const VersionConflict = defineError(
  "common.version_conflict",
  412,
  "The resource has changed since the version that was given in If-Match.",
);
export const IdempotencyKeyReused = defineError(
  "common.idempotency_key_reused",
  409,
  "This Idempotency-Key was used for a different request.",
);
export const TooManyRequests = defineError("common.too_many_requests", 429, "Too many requests. Wait before trying again.");
export const PayloadTooLarge = defineError("common.payload_too_large", 413, "The request body is too large.");
export const UnsupportedMediaType = defineError("common.unsupported_media_type", 415, "The request body must be application/json.");
export const UnsupportedContentEncoding = defineError(
  "common.unsupported_content_encoding",
  415,
  "The request body must not be compressed or encoded otherwise.",
);
export const DependencyUnavailable = defineError("common.unavailable", 503, "The service cannot answer now. Try again.");
export const OutcomeNotKnown = defineError(
  "common.outcome_unknown",
  503,
  "No answer came in time: the change may have been made or not. Check, or repeat the request with the same Idempotency-Key.",
);
export const RevisionNotReached = defineError(
  "common.revision_not_reached",
  503,
  "The requested revision has not been reached here yet. Try again.",
);
export const ServiceCallRefused = defineError(
  "common.service_call_refused",
  403,
  "Calls over NATS are accepted from processes of this installation only (NATS_SERVICE_CALLS).",
);
export const InternalError = defineError("common.internal", 500, "Something went wrong on our side.");
export const CredentialRequired = defineError("auth.credential_required", 401, "A credential is required.");
export const CredentialInvalid = defineError("auth.credential_invalid", 401, "The credential is unknown, expired or revoked.");
export const PermissionDenied = defineError("auth.permission_denied", 403, "You do not have the permission that this needs.");
export const OrganizationInactive = defineError("auth.organization_suspended", 403, "The organization is suspended.");
/** Any operation can return it to a caller with an API key that has networks. */
export const AddressNotAllowed = defineError(
  "apikeys.address_not_allowed",
  403,
  "The API key cannot be used from the address of the request.",
);
export const CrossSiteRequest = defineError(
  "auth.cross_site_request",
  403,
  "A request that carries the session cookie must come from this site.",
);

/** A quota on the resources of an account or an organization; a detail names the limit. Declared by the operations that create them. */
export const QuotaExceeded = defineError(
  "common.quota_exceeded",
  409,
  "The quota for this is used up. Remove what is no longer needed, or ask the operator for more.",
);

export const kernelErrors: readonly ErrorDefinition[] = [
  ValidationFailed,
  RouteNotFound,
  MethodNotAllowed,
  VersionConflict,
  IdempotencyKeyReused,
  TooManyRequests,
  PayloadTooLarge,
  UnsupportedMediaType,
  UnsupportedContentEncoding,
  DependencyUnavailable,
  OutcomeNotKnown,
  RevisionNotReached,
  ServiceCallRefused,
  InternalError,
  CredentialRequired,
  CredentialInvalid,
  PermissionDenied,
  OrganizationInactive,
  AddressNotAllowed,
  CrossSiteRequest,
];

export const invalid = (...details: ErrorDetail[]): OperationError => new OperationError(ValidationFailed, details);
