import { defineError } from "#operation/errors.ts";

export const InvalidCredentials = defineError("auth.invalid_credentials", 401, "The e-mail address or the password is not right.");
export const TooManyAttempts = defineError("auth.too_many_attempts", 429, "Too many attempts to sign in. Wait, or reset the password.");
export const EmailNotVerified = defineError("auth.email_not_verified", 403, "Confirm the e-mail address first: the link is in the mail.");
export const UserSuspended = defineError("auth.user_suspended", 403, "The account is suspended.");
export const NotAMember = defineError("auth.not_a_member", 403, "You are not a member of this organization.");
