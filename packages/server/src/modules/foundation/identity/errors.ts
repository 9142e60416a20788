import { defineError } from "#operation/errors.ts";

export const EmailTaken = defineError("identity.email_taken", 409, "This address already has an account.");
export const TokenInvalid = defineError("identity.token_invalid", 400, "The link is not valid: it is unknown or was used already.");
export const TokenExpired = defineError("identity.token_expired", 400, "The link has expired. Ask for a new one.");
export const RegistrationPasswordWrong = defineError(
  "identity.registration_password_wrong",
  403,
  "The password is not the one of this registration. Choose a new password instead.",
);
export const UserNotFound = defineError("identity.user_not_found", 404, "There is no such user.");
export const OwnStatus = defineError("identity.own_status", 409, "Nobody changes the status of the own account.");
