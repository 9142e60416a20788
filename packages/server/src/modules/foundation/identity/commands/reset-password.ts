import { anyone } from "#operation/authorization.ts";
import { Nothing, Token, Type } from "#operation/schema.ts";
import { hashSecret } from "#platform/secrets.ts";
import { TokenExpired, TokenInvalid } from "../errors.ts";
import { PasswordChanged } from "../events.ts";
import { NewPassword } from "../model.ts";
import { identity } from "../module.ts";
import { hashChosenPassword } from "../passwords/choose.ts";

/** Sets a new password with the token that was mailed (S3 §8.1). The token works once; every session ends. */
export const resetPassword = identity.command("resetPassword", {
  http: "POST /api/v1/iam/auth/reset-password",
  summary: "Set a new password with the token from the mail; every session of the user ends.",
  allow: anyone("the token is the credential"),
  audit: { action: "User.PasswordChanged", category: "Security", severity: "Warning", entity: "User" },
  hashes: true,
  limit: { per: "address", points: 60, seconds: 600 },
  input: Type.Object({ token: Token, password: NewPassword }),
  output: Nothing,
  errors: [TokenInvalid, TokenExpired],
  async prepare({ reading, services }, { token, password }) {
    const owner = await reading((store) => store.ownerOfResetToken(hashSecret(token)));
    const names = owner === undefined ? [] : [owner.first_name, owner.last_name];
    return hashChosenPassword(password, { email: owner?.email ?? "", names }, services.settings);
  },
  async run({ store, uses, emit, fail, now }, { token }, passwordHash) {
    const tokenHash = hashSecret(token);
    const spent = await store.resetPassword(tokenHash, passwordHash, now);
    // Looked up afterwards: one that another call has just spent is used, not late.
    const row = spent ?? fail((await store.ownerOfResetToken(tokenHash)) !== undefined ? TokenExpired : TokenInvalid, { field: "token" });
    await uses.notifications.mail({ template: "password-changed", to: row.email, locale: row.locale, data: { firstName: row.first_name } });
    emit(PasswordChanged, { userId: row.id });
    return null;
  },
});
