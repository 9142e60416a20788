import { anyone } from "../../../operation/authorization.ts";
import { invalid } from "../../../operation/errors.ts";
import { Token, Type } from "../../../operation/schema.ts";
import { hashSecret } from "../../../platform/secrets.ts";
import { canonicalLocale, EmailTaken, hashChosenPassword, User } from "../../identity/index.ts";
import { SetUpDone, SetUpTokenInvalid } from "../errors.ts";
import { tenancy } from "../module.ts";
import { makeAdministrator, NewUser } from "../new-user.ts";

/** Makes the first internal administrator with the one-time link that the start has printed. */
export const setUp = tenancy.command("setUp", {
  http: "POST /api/v1/iam/setup",
  summary: "Create the first internal administrator with the token that the start printed.",
  allow: anyone("the token is the credential, and nobody has an account yet"),
  limit: { per: "address", points: 30, seconds: 600 },
  everyTenant: "a user belongs to no tenant, an administrator to the internal scope",
  status: 201,
  input: Type.Object({ token: Token, ...NewUser }),
  output: User,
  errors: [SetUpDone, SetUpTokenInvalid, EmailTaken],
  async prepare({ reading, platform, fail }, { email, password }) {
    if (!(await reading((store) => store.setUpIsOpen()))) fail(SetUpDone);
    return hashChosenPassword(password, email, platform.settings);
  },
  async run(context, input, passwordHash) {
    const { store, uses, fail } = context;
    const locale = canonicalLocale(input.locale ?? "en");
    if (typeof locale !== "string") throw invalid(locale);
    if (!(await store.spendSetUpToken(hashSecret(input.token)))) fail(SetUpTokenInvalid);
    if (await uses.identity.userByEmail(input.email)) fail(EmailTaken, { field: "email", rule: "taken" });
    const { email, firstName, lastName } = input;
    const user = await uses.identity.createActiveUser({ email, passwordHash, firstName, lastName, locale });
    await makeAdministrator(context, user);
    return user;
  },
});
