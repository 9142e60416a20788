import { anyone } from "#operation/declaration/authorization.ts";
import { Nothing, Token, Type } from "#operation/declaration/schema.ts";
import { hashSecret } from "#platform/secrets.ts";
import { TokenExpired, TokenInvalid } from "../errors.ts";
import { NewPassword } from "../model.ts";
import { authentication } from "../module.ts";
import { hashChosenPassword } from "../passwords/choose.ts";

/** Sets a new password with the mailed single-use token, and ends every session of the user. */
export const resetPassword = authentication.command("resetPassword", {
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
    const owner = await reading(async (store, uses) => {
      const found = await store.unusedToken(hashSecret(token), "reset-password");
      return found && uses.identity.userById(found.userId);
    });
    const names = owner === undefined ? [] : [owner.firstName, owner.lastName];
    return hashChosenPassword(password, { email: owner?.email ?? "", names }, services.settings);
  },
  async run({ store, uses, fail, now }, { token }, passwordHash) {
    const tokenHash = hashSecret(token);
    const { userId } = (await store.unusedToken(tokenHash, "reset-password")) ?? fail(TokenInvalid, { field: "token" });
    // Locks the user first: of two concurrent uses of a user's links, one succeeds.
    const { status } = (await uses.identity.lockUsers([userId])).get(userId) ?? fail(TokenInvalid, { field: "token" });
    if (status !== "Active" || !(await store.consume(tokenHash, "reset-password", now))) {
      // Read after the attempt: a token that a concurrent call has used counts as used, not as expired.
      fail((await store.unusedToken(tokenHash, "reset-password")) ? TokenExpired : TokenInvalid, { field: "token" });
    }
    await store.deleteUnused(userId, "reset-password");
    await store.setPassword(userId, passwordHash, now);
    const { email, locale, firstName } = await uses.identity.endSessionsOfChangedPassword(userId);
    await uses.notifications.mail({ template: "password-changed", to: email, locale, data: { firstName } });
    return null;
  },
});
