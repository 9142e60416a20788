import { type ErrorDefinition, OrganizationInactive } from "#operation/errors.ts";
import type { Platform } from "#platform/platform.ts";
import { EmailNotVerified, InvalidCredentials, NotAMember, UserSuspended } from "./errors.ts";

/** Why a sign-in is refused, whatever its method. */
export const refusals = [InvalidCredentials, EmailNotVerified, UserSuspended, NotAMember, OrganizationInactive] as const;

interface SigningIn<Errors extends ErrorDefinition> {
  readonly platform: Platform;
  readonly fail: (error: Errors) => never;
}

/** Refuses a sign-in and counts it under its reason. */
export function refuseSignIn<Errors extends ErrorDefinition>({ platform, fail }: SigningIn<Errors>, error: Errors): never {
  platform.metrics.signIns.inc({ result: error.code });
  return fail(error);
}
