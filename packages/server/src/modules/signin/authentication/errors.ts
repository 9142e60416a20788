import { defineError } from "#operation/declaration/errors.ts";

export const InvalidCredentials = defineError("auth.invalid_credentials", 401, "The e-mail address or the password is not correct.");
export const TooManyAttempts = defineError("auth.too_many_attempts", 429, "Too many attempts to sign in. Wait, or reset the password.");
export const EmailNotVerified = defineError("auth.email_not_verified", 403, "Confirm the e-mail address first, with the link in the mail.");
export const UserSuspended = defineError("auth.user_suspended", 403, "The account is suspended.");
export const NotAMember = defineError("auth.not_a_member", 403, "You are not a member of this organization.");
export const EmailTaken = defineError("identity.email_taken", 409, "This address already has an account.");
export const TokenInvalid = defineError("identity.token_invalid", 400, "The link is not valid: it is unknown or was used already.");
export const TokenExpired = defineError("identity.token_expired", 400, "The link has expired. Ask for a new one.");
export const RegistrationPasswordWrong = defineError(
  "identity.registration_password_wrong",
  403,
  "The password is not the one of this registration. Choose a new password instead.",
);
export const SetUpDone = defineError("tenancy.set_up_done", 409, "The installation has its first administrator already.");
export const SetUpTokenInvalid = defineError(
  "tenancy.set_up_token_invalid",
  403,
  "The set-up link is not valid. The newest one is printed at start.",
);
