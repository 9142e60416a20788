import type { Services } from "#operation/declaration/context.ts";
import { type ErrorDefinition, OrganizationInactive } from "#operation/declaration/errors.ts";
import { EmailNotVerified, InvalidCredentials, NotAMember, UserSuspended } from "./errors.ts";

/** Why a sign-in is refused, whatever its method. */
export const refusals = [InvalidCredentials, EmailNotVerified, UserSuspended, NotAMember, OrganizationInactive] as const;

interface SigningIn<Errors extends ErrorDefinition> {
  readonly services: Pick<Services, "metrics">;
  readonly fail: (error: Errors) => never;
}

/** Refuses a sign-in and counts it under its reason. */
export function refuseSignIn<Errors extends ErrorDefinition>({ services, fail }: SigningIn<Errors>, error: Errors): never {
  services.metrics.signIns.inc({ result: error.code });
  return fail(error);
}
