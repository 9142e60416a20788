import { User } from "#modules/foundation/identity/index.ts";
import { type Issuing, TokenPair } from "#modules/signin/tokens/index.ts";
import type { CommandContextOf, PrepareContextOf } from "#operation/declaration/contexts-of.ts";
import { OrganizationInactive } from "#operation/declaration/errors.ts";
import { nullable, type Static, Timestamp, Type, Uuid } from "#operation/declaration/schema.ts";
import { InvalidCredentials, NotAMember, UserSuspended } from "./errors.ts";
import { addressOf } from "./known-address.ts";
import type { authentication } from "./module.ts";
import type { Proof } from "./proof.ts";
import { refuseSignIn } from "./refusals.ts";

/** The answer of a sign-in, for every method. It has tokens where they were asked for. */
export const SignedIn = Type.Object({
  sessionToken: Type.String(),
  expiresAt: Timestamp,
  ...Type.Partial(TokenPair).properties,
  user: User,
  organizationId: nullable(Uuid),
});

type SignInContext = CommandContextOf<
  typeof authentication,
  typeof InvalidCredentials | typeof UserSuspended | typeof NotAMember | typeof OrganizationInactive
>;

/** A sign-in before its transaction. */
export interface PreparedSignIn {
  readonly proof: Proof;
  /** Undefined where no tokens are asked for. */
  readonly issuing: Issuing | undefined;
}

/** Prepares the tokens of a sign-in, where they are asked for. */
export async function prepareTokens(
  { reading, cached }: Pick<PrepareContextOf<typeof authentication>, "reading" | "cached">,
  { userId }: Proof,
  { organizationId = null, issueTokens = false }: { readonly organizationId?: string | null; readonly issueTokens?: boolean },
): Promise<Issuing | undefined> {
  if (!issueTokens) return undefined;
  const roles = await reading((_store, { tokens }) => tokens.roleNames(userId, organizationId));
  return cached.tokens.prepareIssue(userId, organizationId, roles);
}

/**
 * Signs in an authenticated user, in an organization or in none: checks their status and membership, records their address and starts the
 * session. Checks everything that the proof depends on again, in the transaction that starts the session.
 */
export async function completeSignIn(
  context: SignInContext,
  { proof, issuing }: PreparedSignIn,
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
  if (principal.kind === "user" && principal.credential.kind === "session")
    await uses.sessions.end(principal.id, principal.credential.id, "signed_in_again");
  const { token, ...session } = await uses.sessions.begin({
    userId,
    organizationId,
    userEpoch: facts.sessionEpoch,
    methods,
    ipAddress: origin.ip,
    userAgent: origin.userAgent,
    absoluteSeconds: services.settings.sessionAbsoluteSeconds,
    sessionsMax: services.settings.sessionsPerUser,
    renewable: issuing !== undefined,
  });
  const pair = issuing && (await uses.tokens.issue(session, issuing));
  const user = (await uses.identity.userById(userId)) ?? refuseSignIn(context, InvalidCredentials);
  services.metrics.signIns.inc({ result: "ok" });
  return { sessionToken: token, expiresAt: session.expiresAt.toISOString(), ...pair, user, organizationId };
}

/** Refuses non-members of the organization, and every user while it is not active. */
async function requireActiveMembership(context: SignInContext, userId: string, organizationId: string): Promise<void> {
  const { uses, audit } = context;
  if (!(await uses.tenancy.isMember(userId, organizationId))) refuseSignIn(context, NotAMember);
  audit({ organizationId });
  if ((await uses.tenancy.organizationStatus(organizationId)) !== "Active") refuseSignIn(context, OrganizationInactive);
}
