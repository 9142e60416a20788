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

/** Stands for the user of an unknown address, so that both are looked up alike. */
const noUser = "00000000-0000-0000-0000-000000000000";

/**
 * Proves a person by address and password. An unknown address, an account without a password and a wrong password answer alike, in the
 * same time, whatever kind of hash the account has. A password of an unconfirmed registration is answered as such, also where the address
 * has an account: a caller who registered it themselves learns nothing of the account (docs/security/attacks.md, 28).
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
  // Also of a sign-in that fails: whom it was about.
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

interface Compared {
  readonly registrations: readonly string[];
  readonly decoy: string;
  /** The hash that the password was verified against before. */
  readonly verified: string;
}

/** Whether it is the password of an unconfirmed registration. Takes the time of each kind of hash that there is, whatever it answers. */
async function matchesRegistration(
  { reading, state }: PrepareContextOf<typeof authentication, Errors>,
  password: string,
  { registrations, decoy, verified }: Compared,
): Promise<boolean> {
  // Where nothing is registered a decoy stands for it: an unconfirmed address takes no longer than an unknown one.
  const compared = registrations.length > 0 ? [...new Set(registrations)] : [decoy];
  let found = false;
  // Each is compared, so that the time does not depend on which one matches.
  for (const hash of compared) found = (await matchPassword(password, hash)) !== undefined || found;
  const kinds = await state.kinds(() => reading((store) => store.hashKinds()));
  await verifyDecoys(password, [decoy, ...kinds], [verified, ...compared].map(hashKindOf));
  return found;
}
