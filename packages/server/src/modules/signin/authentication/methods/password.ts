import type { PrepareContextOf } from "#operation/declaration/contexts-of.ts";
import { OperationError } from "#operation/declaration/errors.ts";
import { Attempts } from "../attempts.ts";
import { EmailNotVerified, InvalidCredentials, TooManyAttempts } from "../errors.ts";
import { addressOf, knownSince } from "../known-address.ts";
import type { authentication } from "../module.ts";
import { decoyHash, hashKindOf, verifyDecoys } from "../passwords/decoys.ts";
import { hashPassword, matchPassword, needsRehash } from "../passwords/hashing.ts";
import type { Proof } from "../proof.ts";
import { refuseSignIn } from "../refusals.ts";
import type { Password } from "../store/credentials.ts";

type Errors = typeof InvalidCredentials | typeof EmailNotVerified;

/** The user id for an unknown address, so that the look-up takes the same time. */
const noUser = "00000000-0000-0000-0000-000000000000";

/**
 * Authenticates a user by address and password. An unknown address, an account without a password and a wrong password get the same
 * answer in the same time, whatever kind of hash the account has. The password of an unconfirmed registration gets an error of its own,
 * also where the address has an account: so a caller who registered it learns nothing about the account (docs/security/attacks.md, 28).
 */
export async function verifyPassword(
  context: PrepareContextOf<typeof authentication, Errors>,
  { email, password }: { readonly email: string; readonly password: string },
): Promise<Proof> {
  const { reading, audit, now, origin, services } = context;
  const { settings } = services;
  const { user, facts } = await reading(async (store, uses) => {
    const found = await uses.identity.userByEmail(email);
    return { user: found, facts: await store.passwordFacts(found?.id ?? noUser) };
  });
  // The audit entry of a failed sign-in also names the account.
  if (user) audit({ entity: { type: "User", id: user.id } });
  const address = addressOf(origin);
  const attempts = new Attempts(services.limits, email, address, facts.password?.hash);
  const wait = await attempts.begin(async () =>
    user === undefined || origin.ip === null ? false : reading((store) => store.isKnown(user.id, address, knownSince(now))),
  );
  if (wait > 0 && settings.signInLimit === "on") {
    services.metrics.signIns.inc({ result: TooManyAttempts.code });
    throw new OperationError(TooManyAttempts, [], { retryAfterSeconds: wait });
  }
  const isUnconfirmed = user?.status === "PendingConfirmation";
  const account = isUnconfirmed ? undefined : facts.password;
  const decoy = await decoyHash(settings.passwordHash);
  const verified = account?.hash ?? decoy;
  const match = await matchPassword(password, verified);
  if (user === undefined || account === undefined || match === undefined) {
    const own = isUnconfirmed && facts.password !== undefined ? [facts.password.hash] : [];
    const isRegistered = await matchesRegistration(context, password, { registrations: [...own, ...facts.registrations], decoy, verified });
    if (isRegistered) await attempts.succeeded();
    return refuseSignIn(context, isRegistered ? EmailNotVerified : InvalidCredentials);
  }
  await attempts.succeeded();
  const rehashed = needsRehash(account.hash, settings.passwordHash, password, match)
    ? await hashPassword(password, settings.passwordHash)
    : undefined;
  return proofOf(user.id, account, rehashed);
}

const proofOf = (userId: string, account: Password, rehashed: string | undefined): Proof => ({
  userId,
  methods: ["pwd"],
  use: (store, now) => store.usePassword(account, rehashed, now),
});

interface Comparison {
  readonly registrations: readonly string[];
  readonly decoy: string;
  /** The hash that the password was verified against before. */
  readonly verified: string;
}

/** Whether it is the password of an unconfirmed registration. Takes the time of each existing kind of hash, whatever the result. */
async function matchesRegistration(
  { reading, state }: PrepareContextOf<typeof authentication, Errors>,
  password: string,
  { registrations, decoy, verified }: Comparison,
): Promise<boolean> {
  // Without a registration a decoy is compared instead: an unconfirmed address takes no longer than an unknown one.
  const compared = registrations.length > 0 ? [...new Set(registrations)] : [decoy];
  let found = false;
  // Compares all of them, so that the time does not depend on which one matches.
  for (const hash of compared) found = (await matchPassword(password, hash)) !== undefined || found;
  const kinds = await state.kinds(() => reading((store) => store.hashKinds()));
  await verifyDecoys(password, [decoy, ...kinds], [verified, ...compared].map(hashKindOf));
  return found;
}
