import { defineError } from "#operation/declaration/errors.ts";

export const SessionNotFound = defineError("sessions.session_not_found", 404, "There is no such session.");
export const AuthenticationTooOld = defineError(
  "sessions.authentication_too_old",
  403,
  "Sign in again first: ending other sessions needs a recent sign-in.",
);
