import { CredentialRequired, CrossSiteRequest, defineError } from "#operation/declaration/errors.ts";

export const InteractionNotFound = defineError("openid.interaction_not_found", 404, "This sign-in has ended, or began in another browser.");
export const SignInAgain = defineError("openid.sign_in_again", 403, "The application asks you to sign in again.");
export const ActionNotPossible = defineError("openid.action_not_possible", 409, "This is not what the sign-in is waiting for.");
export const NotYourOrganization = defineError("openid.not_your_organization", 403, "You cannot use the application in this organization.");
export const LogoutNotFound = defineError("openid.logout_not_found", 404, "No application waits for you to sign out.");
export const UserCodeUnknown = defineError("openid.user_code_unknown", 404, "There is no device that waits with this code.");

/** Errors of the JSON that pages use. Those of OAuth have the form of their specifications. */
export const interactionErrors = [
  InteractionNotFound,
  SignInAgain,
  ActionNotPossible,
  NotYourOrganization,
  LogoutNotFound,
  UserCodeUnknown,
  CredentialRequired,
  CrossSiteRequest,
];
