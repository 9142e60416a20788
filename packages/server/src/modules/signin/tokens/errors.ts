import { defineError } from "#operation/declaration/errors.ts";

export const RefreshTokenInvalid = defineError(
  "tokens.refresh_token_invalid",
  401,
  "The refresh token is unknown or expired, or its session has ended. Sign in again.",
);
export const RefreshTokenReplayed = defineError(
  "tokens.refresh_token_replayed",
  401,
  "The refresh token was used before. Its session has been ended, because another party may have it. Sign in again.",
);
export const KeyRotatedRecently = defineError(
  "tokens.key_rotated_recently",
  409,
  "The next signing key has not been published for long enough: verifiers may not know it yet.",
);
export const SubjectTokenInvalid = defineError(
  "tokens.subject_token_invalid",
  400,
  "The subject token is no live access token of a user's own session.",
);
export const ScopeNotHeld = defineError("tokens.scope_not_held", 403, "You cannot pass on permissions that you do not hold.");
export const SubjectNotFound = defineError("tokens.subject_not_found", 404, "There is no such active user in the organization.");
export const SessionRequired = defineError(
  "tokens.session_required",
  403,
  "This needs a credential of your own session: the token ends with it.",
);
export const ExchangedTokenNotFound = defineError("tokens.exchanged_token_not_found", 404, "There is no such exchanged token.");
