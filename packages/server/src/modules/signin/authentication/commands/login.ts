import { decoyHash, hashKindOf, hashPassword, matchPassword, needsRehash, User, verifyDecoys } from "#modules/foundation/identity/index.ts";
import { anyone } from "#operation/authorization.ts";
import { OperationError, OrganizationInactive } from "#operation/errors.ts";
import { Email, nullable, Secret, Timestamp, Type, Uuid } from "#operation/schema.ts";
import { clientNetwork } from "#platform/network/address.ts";
import { pseudonym } from "#platform/secrets.ts";
import { Attempts } from "../attempts.ts";
import { EmailNotVerified, InvalidCredentials, NotAMember, TooManyAttempts, UserSuspended } from "../errors.ts";
import { authentication } from "../module.ts";

/** An address that was not signed in from for longer is a stranger's again. */
const knownForMs = 90 * 24 * 3_600 * 1_000;

const refusals = [InvalidCredentials, EmailNotVerified, UserSuspended, NotAMember, OrganizationInactive] as const;
type Refusal = (typeof refusals)[number];

/**
 * Signs in with a password, in an organization or without one (S3 §8.1, §8.3). An unknown address and a wrong password answer
 * alike, in the same time, whatever kind of hash the account has; what is wrong with an account is told to who knows its password.
 * A password that the address was registered with and that nobody has confirmed is told apart as such, also where the address has an
 * account: a caller who has registered it themselves learns nothing of that (docs/security/attacks.md, 28).
 */
export const login = authentication.command("login", {
  http: "POST /api/v1/iam/auth/login",
  summary: "Sign in with e-mail address and password.",
  allow: anyone("the password is the credential"),
  audit: { action: "User.Login", category: "Security", severity: "Info", entity: "User", identifiesCaller: true },
  hashes: true,
  limit: { per: "address", points: 300, seconds: 300 },
  cookie: "begins",
  everyTenant: "who signs in is not yet in a tenant",
  input: Type.Object({ email: Email, password: Secret({ minLength: 1, maxLength: 128 }), organizationId: Type.Optional(nullable(Uuid)) }),
  output: Type.Object({
    sessionToken: Type.String(),
    expiresAt: Timestamp,
    user: User,
    organizationId: nullable(Uuid),
  }),
  errors: [...refusals, TooManyAttempts],
  tenant: () => undefined,
  stillValid: ({ uses, services }, { sessionToken }) => uses.sessions.isLive(sessionToken, services.settings.sessionIdleSeconds),
  async prepare({ reading, services, origin, now, fail, audit, state }, { email, password, organizationId }) {
    const { limits, metrics, settings } = services;
    const refuse = (error: Refusal): never => {
      metrics.signIns.inc({ result: error.code });
      return fail(error);
    };
    const address = pseudonym(origin.ip === null ? "" : clientNetwork(origin.ip));
    const facts = await reading((_store, uses) => uses.identity.signInFacts(email));
    // Who it was about, where there is such a user: also of a sign-in that fails (S3 §26.3).
    if (facts) audit({ entity: { type: "User", id: facts.userId } });
    const attempts = new Attempts(limits, email, address, facts?.passwordHash);
    const wait = await attempts.begin(async () =>
      facts === undefined || origin.ip === null
        ? false
        : reading((store) => store.isKnown(facts.userId, address, new Date(now.getTime() - knownForMs))),
    );
    if (wait > 0 && settings.signInLimit === "on") {
      metrics.signIns.inc({ result: TooManyAttempts.code });
      throw new OperationError(TooManyAttempts, [], { retryAfterSeconds: wait });
    }
    const account = facts?.status === "PendingConfirmation" ? undefined : facts;
    const decoy = await decoyHash(settings.passwordHash);
    const verified = account?.passwordHash ?? decoy;
    const match = await matchPassword(password, verified);
    if (!account || !match) {
      // Where nothing is registered a decoy stands for it: an unconfirmed address takes no longer than an unknown one.
      const registered = facts !== undefined && facts.registrations.length > 0 ? facts.registrations : [decoy];
      const isRegistered = await matchesAny(password, registered);
      const kinds = await state.kinds(() => reading((_store, uses) => uses.identity.hashKinds()));
      await verifyDecoys(password, [decoy, ...kinds], [verified, ...registered].map(hashKindOf));
      if (isRegistered) await attempts.succeeded();
      return refuse(isRegistered ? EmailNotVerified : InvalidCredentials);
    }
    await attempts.succeeded();
    if (account.status === "Suspended") refuse(UserSuspended);
    if (organizationId) {
      const standing = await reading(async (_store, uses) => ({
        member: await uses.tenancy.isMember(account.userId, organizationId),
        status: await uses.tenancy.organizationStatus(organizationId),
      }));
      if (!standing.member) refuse(NotAMember);
      audit({ organizationId });
      if (standing.status !== "Active") refuse(OrganizationInactive);
    }
    const rehashed = needsRehash(account.passwordHash, settings.passwordHash, password, match)
      ? await hashPassword(password, settings.passwordHash)
      : undefined;
    return { facts: account, address, rehashed };
  },
  async run({ store, uses, principal, origin, services, now, fail, audit }, input, { facts, address, rehashed }) {
    const { userId } = facts;
    // Between the look at the password and here, the password may have been changed or the user suspended.
    const current = await uses.identity.signInFacts(input.email);
    const session = await uses.identity.sessionFacts(userId);
    if (!session || current?.passwordHash !== facts.passwordHash || session.status !== "Active") {
      services.metrics.signIns.inc({ result: InvalidCredentials.code });
      return fail(InvalidCredentials);
    }
    if (rehashed !== undefined) await uses.identity.replaceHash(userId, facts.passwordHash, rehashed);
    await store.remember(userId, address, now);
    const organizationId = input.organizationId ?? null;
    audit({ after: { methods: ["pwd"] } });
    // Whoever signs in again, as themselves or as another, has done with the session that the request came with (ASVS 7.2.4).
    if (principal.kind === "user" && principal.credential.kind === "session")
      await uses.sessions.end(principal.id, principal.credential.id);
    const { token, expiresAt } = await uses.sessions.begin({
      userId,
      organizationId,
      userEpoch: session.sessionEpoch,
      ipAddress: origin.ip,
      userAgent: origin.userAgent,
      absoluteSeconds: services.settings.sessionAbsoluteSeconds,
      sessionsMax: services.settings.sessionsPerUser,
    });
    const user = (await uses.identity.userById(userId)) ?? fail(InvalidCredentials);
    services.metrics.signIns.inc({ result: "ok" });
    return { sessionToken: token, expiresAt: expiresAt.toISOString(), user, organizationId };
  },
});

/** Each registration is looked at, so that the time says how many there are and not which. */
async function matchesAny(password: string, registered: readonly string[]): Promise<boolean> {
  let found = false;
  for (const hash of registered) found = (await matchPassword(password, hash)) !== undefined || found;
  return found;
}
