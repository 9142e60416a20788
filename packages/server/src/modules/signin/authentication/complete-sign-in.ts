import { User } from "#modules/foundation/identity/index.ts";
import type { CommandContextOf } from "#operation/declaration/contexts-of.ts";
import { OrganizationInactive } from "#operation/declaration/errors.ts";
import { nullable, type Static, Timestamp, Type, Uuid } from "#operation/declaration/schema.ts";
import { InvalidCredentials, NotAMember, UserSuspended } from "./errors.ts";
import { addressOf } from "./known-address.ts";
import type { authentication } from "./module.ts";
import type { Proof } from "./proof.ts";
import { refuseSignIn } from "./refusals.ts";

/** What every sign-in answers, whatever its method. */
export const SignedIn = Type.Object({
  sessionToken: Type.String(),
  expiresAt: Timestamp,
  user: User,
  organizationId: nullable(Uuid),
});

type Completing = CommandContextOf<
  typeof authentication,
  typeof InvalidCredentials | typeof UserSuspended | typeof NotAMember | typeof OrganizationInactive
>;

/**
 * Signs in a person whom a method has proven, in an organization or in none: checks that they may, remembers the address that they came
 * from, and begins the session. Everything that the proof depends on is checked again here, in the transaction that begins the session.
 */
export async function completeSignIn(context: Completing, proof: Proof, organizationId: string | null): Promise<Static<typeof SignedIn>> {
  const { store, uses, principal, origin, services, now, audit } = context;
  const { userId, methods } = proof;
  const facts = await uses.identity.lockSessionFacts(userId);
  if (facts?.status === "Suspended") return refuseSignIn(context, UserSuspended);
  if (organizationId !== null) await requireStanding(context, userId, organizationId);
  // Before here the password may have been changed.
  if (facts?.status !== "Active" || !(await proof.use(store, now))) return refuseSignIn(context, InvalidCredentials);
  await store.remember(userId, addressOf(origin), now);
  audit({ after: { methods } });
  // A new sign-in, as the same user or another, ends the session that the request came with (ASVS 7.2.4).
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

/** Refuses a person who is no member of the organization, and anybody while it is not active. */
async function requireStanding(context: Completing, userId: string, organizationId: string): Promise<void> {
  const { uses, audit } = context;
  if (!(await uses.tenancy.isMember(userId, organizationId))) refuseSignIn(context, NotAMember);
  audit({ organizationId });
  if ((await uses.tenancy.organizationStatus(organizationId)) !== "Active") refuseSignIn(context, OrganizationInactive);
}
