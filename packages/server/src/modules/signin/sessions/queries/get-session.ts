import { User } from "#modules/foundation/identity/index.ts";
import { signedIn } from "#operation/declaration/authorization.ts";
import { CredentialInvalid } from "#operation/declaration/errors.ts";
import { nullable, Timestamp, Type, Uuid } from "#operation/declaration/schema.ts";
import { sessions } from "../module.ts";

/** The current session with its user. Applications use it to validate a token. */
export const getSession = sessions.inMemoryQuery("getSession", {
  http: "GET /api/v1/iam/auth/session",
  summary: "Get the current session and its user.",
  allow: signedIn(),
  input: Type.Object({}),
  output: Type.Object({
    session: Type.Object({ id: Uuid, organizationId: nullable(Uuid), createdAt: Timestamp, expiresAt: Timestamp }),
    user: User,
  }),
  errors: [CredentialInvalid],
  run({ state, user, fail }) {
    const session = state.ofPrincipal(user) ?? fail(CredentialInvalid);
    return { session: session.representation, user: session.user };
  },
});
