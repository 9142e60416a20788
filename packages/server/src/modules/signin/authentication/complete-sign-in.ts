import { User } from "#modules/foundation/identity/index.ts";
import type { CommandContextOf } from "#operation/declaration/contexts-of.ts";
import { OrganizationInactive } from "#operation/declaration/errors.ts";
import { nullable, type Static, Timestamp, Type, Uuid } from "#operation/declaration/schema.ts";
import { InvalidCredentials, NotAMember, UserSuspended } from "./errors.ts";
import { addressOf } from "./known-address.ts";
import type { authentication } from "./module.ts";
import type { Proof } from "./proof.ts";
import { refuseSignIn } from "./refusals.ts";

/** The answer of a sign-in, for every method. */
export const SignedIn = Type.Object({
  sessionToken: Type.String(),
  expiresAt: Timestamp,
  user: User,
  organizationId: nullable(Uuid),
});

type SignInContext = CommandContextOf<
  typeof authentication,
  typeof InvalidCredentials | typeof UserSuspended | typeof NotAMember | typeof OrganizationInactive
>;

/**
 * Signs in an authenticated user, in an organization or in none: checks their status and membership, records their address and starts the
 * session. Checks everything that the proof depends on again, in the transaction that starts the session.
 */
export async function completeSignIn(
  context: SignInContext,
  proof: Proof,
  organizationId: string | null,
): Promise<Static<typeof SignedIn>> {
  const { store, uses, principal, origin, services, now, audit } = context;
  const { userId, methods } = proof;
  const facts = await uses.identity.lockSessionFacts(userId);
  if (facts?.status === "Suspended") return refuseSignIn(context, UserSuspended);
  if (organizationId !== null) await requireActiveMembership(context, userId, organizationId);
  // The password may have changed since it was verified.
  if (facts?.status !== "Active" || !(await proof.use(store, now))) return refuseSignIn(context, InvalidCredentials);
  await store.recordAddress(userId, addressOf(origin), now);
  audit({ after: { methods } });
  // A new sign-in, as the same or another user, ends the session of the request (ASVS 7.2.4).
  if (principal.kind === "user" && principal.credential.kind === "session") await uses.sessions.end(principal.id, principal.credential.id);
  const { token, expiresAt } = await uses.sessions.begin({
    userId,
    organizationId,
    userEpoch: facts.sessionEpoch,
    methods,
    ipAddress: origin.ip,
    userAgent: origin.userAgent,
    absoluteSeconds: services.settings.sessionAbsoluteSeconds,
    sessionsMax: services.settings.sessionsPerUser,
  });
  const user = (await uses.identity.userById(userId)) ?? refuseSignIn(context, InvalidCredentials);
  services.metrics.signIns.inc({ result: "ok" });
  return { sessionToken: token, expiresAt: expiresAt.toISOString(), user, organizationId };
}

/** Refuses non-members of the organization, and every user while it is not active. */
async function requireActiveMembership(context: SignInContext, userId: string, organizationId: string): Promise<void> {
  const { uses, audit } = context;
  if (!(await uses.tenancy.isMember(userId, organizationId))) refuseSignIn(context, NotAMember);
  audit({ organizationId });
  if ((await uses.tenancy.organizationStatus(organizationId)) !== "Active") refuseSignIn(context, OrganizationInactive);
}
