import { anyone } from "../../../operation/authorization.ts";
import { Token, Type } from "../../../operation/schema.ts";
import { hashSecret } from "../../../platform/secrets.ts";
import { TokenExpired, TokenInvalid } from "../errors.ts";
import { EmailVerified } from "../events.ts";
import { User } from "../model.ts";
import { identity } from "../module.ts";
import { toUser } from "../store.ts";

/** Confirms an address with the token that was mailed to it (S3 §8.1). The token works once. */
export const verifyEmail = identity.command("verifyEmail", {
  http: "POST /api/v1/iam/auth/verify-email",
  summary: "Confirm an e-mail address with the token from the mail.",
  allow: anyone("the token is the credential"),
  limit: { per: "address", points: 60, seconds: 600 },
  versioned: true,
  input: Type.Object({ token: Token }),
  output: User,
  errors: [TokenInvalid, TokenExpired],
  async run({ store, emit, fail, now }, { token }) {
    const tokenHash = hashSecret(token);
    const spent = await store.confirm(tokenHash, now);
    // Looked up afterwards: one that another call has just spent is used, not late. An earlier registration is brought back by then.
    const row =
      spent ?? fail((await store.tokenExists("email_verification_token", tokenHash)) ? TokenExpired : TokenInvalid, { field: "token" });
    emit(EmailVerified, { userId: row.id, email: row.email });
    return toUser(row);
  },
});
