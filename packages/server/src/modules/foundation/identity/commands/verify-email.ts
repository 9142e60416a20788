import { anyone } from "#operation/authorization.ts";
import { invalid } from "#operation/errors.ts";
import { Secret, Token, Type } from "#operation/schema.ts";
import { hashSecret } from "#platform/secrets.ts";
import { RegistrationPasswordWrong, TokenExpired, TokenInvalid } from "../errors.ts";
import { EmailVerified } from "../events.ts";
import { mailResetLink } from "../mail-reset-link.ts";
import { NewPassword, User } from "../model.ts";
import { identity } from "../module.ts";
import { hashChosenPassword } from "../passwords/choose.ts";
import { matchPassword, noPasswordHash } from "../passwords/hashing.ts";
import { toUser } from "../store.ts";

/**
 * Confirms an address with the token that was mailed to it (S3 §8.1). The token works once and says whose the mailbox is; whose the
 * registration is says its password. Whoever has the mailbox and did not register chooses a new one. A token alone confirms a
 * registration that is the only one; of several, the address is confirmed, no password is accepted, and a link to choose one is mailed
 * (decision 0042).
 */
export const verifyEmail = identity.command("verifyEmail", {
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
    const found = await reading((store) => store.registrationOfToken(hashSecret(token)));
    if (!found || (password === undefined && newPassword === undefined)) return {};
    const { email, firstName, lastName, passwordHash } = found;
    if (newPassword !== undefined) {
      return { chosen: await hashChosenPassword(newPassword, { email, names: [firstName, lastName] }, services.settings) };
    }
    if (!(await matchPassword(password as string, passwordHash))) fail(RegistrationPasswordWrong, { field: "password", rule: "match" });
    return { proven: passwordHash };
  },
  async run(context, { token }, { chosen, proven }: { chosen?: string; proven?: string }) {
    const { store, emit, fail, now } = context;
    const tokenHash = hashSecret(token);
    const spent = await store.confirm(tokenHash, now);
    // Looked up afterwards: one that another call has just spent is used, not late. A further registration is in the user's row by then.
    const { row, isContested } =
      spent ?? fail((await store.confirmationTokenExists(tokenHash)) ? TokenExpired : TokenInvalid, { field: "token" });
    emit(EmailVerified, { userId: row.id, email: row.email });
    if (chosen !== undefined) await store.setPasswordHash(row.id, chosen);
    else if (isContested && proven !== row.password_hash) {
      await store.setPasswordHash(row.id, noPasswordHash);
      await mailResetLink(context, row);
    }
    return toUser(row);
  },
});
