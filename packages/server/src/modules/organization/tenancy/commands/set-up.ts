import { canonicalLocale, EmailTaken, hashChosenPassword, refuseNoNames, User } from "#modules/foundation/identity/index.ts";
import { anyone } from "#operation/authorization.ts";
import { invalid } from "#operation/errors.ts";
import { Token, Type } from "#operation/schema.ts";
import { hashSecret } from "#platform/secrets.ts";
import { SetUpDone, SetUpTokenInvalid } from "../errors.ts";
import { tenancy } from "../module.ts";
import { makeAdministrator, NewUser } from "../new-user.ts";

/** Makes the first internal administrator with the one-time link that the start has printed. */
export const setUp = tenancy.command("setUp", {
  http: "POST /api/v1/iam/setup",
  summary: "Create the first internal administrator with the token that the start printed.",
  allow: anyone("the token is the credential, and nobody has an account yet"),
  audit: { action: "SetUp.Done", category: "Security", severity: "Critical", entity: "User" },
  hashes: true,
  limit: { per: "address", points: 30, seconds: 600 },
  everyTenant: "a user belongs to no tenant, an administrator to the internal scope",
  status: 201,
  versioned: true,
  input: Type.Object({ token: Token, ...NewUser }),
  output: User,
  errors: [SetUpDone, SetUpTokenInvalid, EmailTaken],
  async prepare({ services }, { email, password, firstName, lastName }) {
    refuseNoNames({ firstName, lastName });
    return hashChosenPassword(password, { email, names: [firstName, lastName] }, services.settings);
  },
  async run(context, input, passwordHash) {
    const { store, uses, fail } = context;
    const locale = canonicalLocale(input.locale ?? "en");
    if (typeof locale !== "string") throw invalid(locale);
    // Told in here, so that a retry with its Idempotency-Key gets the first answer although the set-up is closed by then.
    if (!(await store.spendSetUpToken(hashSecret(input.token)))) fail((await store.setUpIsOpen()) ? SetUpTokenInvalid : SetUpDone);
    const { email, firstName, lastName } = input;
    const created = await uses.identity.createActiveUser({ email, passwordHash, firstName, lastName, locale });
    const user = created ?? fail(EmailTaken, { field: "email", rule: "taken" });
    await makeAdministrator(context, user);
    return user;
  },
});
