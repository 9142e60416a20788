import { User } from "#modules/foundation/identity/index.ts";
import { anyone } from "#operation/declaration/authorization.ts";
import { invalid } from "#operation/declaration/errors.ts";
import { Secret, Token, Type } from "#operation/declaration/schema.ts";
import { hashSecret } from "#platform/secrets.ts";
import { RegistrationPasswordWrong, TokenExpired, TokenInvalid } from "../errors.ts";
import { mailResetLink } from "../mail-reset-link.ts";
import { NewPassword } from "../model.ts";
import { authentication } from "../module.ts";
import { hashChosenPassword } from "../passwords/choose.ts";
import { matchPassword } from "../passwords/hashing.ts";

/**
 * Confirms an address with the mailed single-use token. The token proves control of the mailbox, the password proves the registration. The
 * owner of a mailbox who did not register sets a new password. A token alone confirms the only registration of an address. Where there are
 * several, it confirms the address, accepts no password, and mails a link to set one (decision 0042).
 */
export const verifyEmail = authentication.command("verifyEmail", {
  http: "POST /api/v1/iam/auth/verify-email",
  summary: "Confirm an e-mail address with the token from the mail, and the password of the registration or a new one.",
  allow: anyone("the token is the credential"),
  audit: { action: "User.EmailVerified", category: "Security", severity: "Info", entity: "User", identifiesCaller: true },
  hashes: true,
  limit: { per: "address", points: 60, seconds: 600 },
  versioned: true,
  input: Type.Object({
    token: Token,
    password: Type.Optional(Secret({ minLength: 1, maxLength: 128 })),
    newPassword: Type.Optional(NewPassword),
  }),
  output: User,
  errors: [TokenInvalid, TokenExpired, RegistrationPasswordWrong],
  async prepare({ reading, services, fail }, { token, password, newPassword }) {
    if (password !== undefined && newPassword !== undefined) {
      throw invalid({ field: "newPassword", rule: "one_of", message: "name either password or newPassword" });
    }
    if (password === undefined && newPassword === undefined) return {};
    const found = await reading(async (store, uses) => {
      const { userId, registration } = (await store.unusedToken(hashSecret(token), "verify-email")) ?? {};
      const user = userId === undefined ? undefined : await uses.identity.userById(userId);
      return user && { ...user, ...(registration ?? { passwordHash: await store.passwordHash(user.id) }) };
    });
    if (!found) return {};
    const { email, firstName, lastName, passwordHash } = found;
    if (newPassword !== undefined) {
      return { chosen: await hashChosenPassword(newPassword, { email, names: [firstName, lastName] }, services.settings) };
    }
    if (passwordHash === undefined || !(await matchPassword(password as string, passwordHash))) {
      return fail(RegistrationPasswordWrong, { field: "password", rule: "match" });
    }
    return { proven: passwordHash };
  },
  async run(context, { token }, { chosen, proven }: { chosen?: string; proven?: string }) {
    const { store, uses, fail, now } = context;
    const tokenHash = hashSecret(token);
    const { userId, registration } = (await store.unusedToken(tokenHash, "verify-email")) ?? fail(TokenInvalid, { field: "token" });
    // Locks the user first: of two concurrent uses of an address's links, one confirms it.
    await uses.identity.lockUsers([userId]);
    const isConsumed = await store.consume(tokenHash, "verify-email", now);
    // Read after the attempt: a token that a concurrent call has used counts as used, not as expired.
    if (!isConsumed) fail((await store.unusedToken(tokenHash, "verify-email")) ? TokenExpired : TokenInvalid, { field: "token" });
    const user = (await uses.identity.verifyAddress(userId, registration)) ?? fail(TokenExpired, { field: "token" });
    const own = await store.passwordHash(userId);
    const confirmed = registration?.passwordHash ?? own;
    const others = (await store.deleteUnused(userId, "verify-email")).map((other) => other?.passwordHash ?? own);
    // Several links of one registration have the same hash.
    const isContested = [own, ...others].some((hash) => hash !== confirmed);
    if (chosen !== undefined) await store.setPassword(userId, chosen, now);
    else if (isContested && proven !== confirmed) {
      await store.removePassword(userId);
      await mailResetLink(context, user);
    } else if (registration !== undefined) await store.setPassword(userId, registration.passwordHash, now);
    return user;
  },
});
