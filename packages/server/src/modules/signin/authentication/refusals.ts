import type { Services } from "#operation/declaration/context.ts";
import { type ErrorDefinition, OrganizationInactive } from "#operation/declaration/errors.ts";
import { EmailNotVerified, InvalidCredentials, NotAMember, UserSuspended } from "./errors.ts";

/** The errors of a refused sign-in, for every method. */
export const refusals = [InvalidCredentials, EmailNotVerified, UserSuspended, NotAMember, OrganizationInactive] as const;

interface RefusalContext<Errors extends ErrorDefinition> {
  readonly services: Pick<Services, "metrics">;
  readonly fail: (error: Errors) => never;
}

/** Refuses a sign-in and counts it by its error code. */
export function refuseSignIn<Errors extends ErrorDefinition>({ services, fail }: RefusalContext<Errors>, error: Errors): never {
  services.metrics.signIns.inc({ result: error.code });
  return fail(error);
}
