import { anyone } from "#operation/declaration/authorization.ts";
import { Email, nullable, Secret, Type, Uuid } from "#operation/declaration/schema.ts";
import { completeSignIn, prepareTokens, SignedIn } from "../complete-sign-in.ts";
import { TooManyAttempts } from "../errors.ts";
import { verifyPassword } from "../methods/password.ts";
import { authentication } from "../module.ts";
import { refusals } from "../refusals.ts";

/** Signs in with a password, in an organization or without one. Errors disclose the state of an account only after a correct password. */
export const login = authentication.command("login", {
  http: "POST /api/v1/iam/auth/login",
  summary: "Sign in with e-mail address and password.",
  allow: anyone("the password is the credential"),
  audit: { action: "User.Login", category: "Security", severity: "Info", entity: "User", identifiesCaller: true },
  hashes: true,
  limit: { per: "address", points: 300, seconds: 300 },
  cookie: "begins",
  everyTenant: "a sign-in happens outside of every tenant",
  input: Type.Object({
    email: Email,
    password: Secret({ minLength: 1, maxLength: 128 }),
    organizationId: Type.Optional(nullable(Uuid)),
    /** Answers with an access token and a refresh token too. */
    issueTokens: Type.Optional(Type.Boolean()),
  }),
  output: SignedIn,
  errors: [...refusals, TooManyAttempts],
  tenant: () => undefined,
  stillValid: ({ uses, services }, { sessionToken }) => uses.sessions.isLive(sessionToken, services.settings.sessionIdleSeconds),
  async prepare(context, input) {
    const proof = await verifyPassword(context, input);
    return { proof, issuing: await prepareTokens(context, proof, input) };
  },
  run: (context, { organizationId }, prepared) => completeSignIn(context, prepared, organizationId ?? null),
});
