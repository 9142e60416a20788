import { rejectInvalidNames, User } from "#modules/foundation/identity/index.ts";
import { anyone } from "#operation/declaration/authorization.ts";
import { Token, Type } from "#operation/declaration/schema.ts";
import { hashSecret } from "#platform/secrets.ts";
import { createVerifiedUser } from "../create-verified-user.ts";
import { EmailTaken, SetUpDone, SetUpTokenInvalid } from "../errors.ts";
import { newUserFields } from "../model.ts";
import { authentication } from "../module.ts";
import { hashChosenPassword } from "../passwords/choose.ts";

/** Creates the first internal administrator with the one-time link that is printed at start. */
export const setUp = authentication.command("setUp", {
  http: "POST /api/v1/iam/setup",
  summary: "Create the first internal administrator with the token printed at start.",
  allow: anyone("the token is the credential, and no account exists yet"),
  audit: { action: "SetUp.Done", category: "Security", severity: "Critical", entity: "User" },
  hashes: true,
  limit: { per: "address", points: 30, seconds: 600 },
  everyTenant: "a user belongs to no tenant, an administrator to the internal scope",
  status: 201,
  versioned: true,
  input: Type.Object({ token: Token, ...newUserFields }),
  output: User,
  errors: [SetUpDone, SetUpTokenInvalid, EmailTaken],
  async prepare({ services }, { email, password, firstName, lastName }) {
    rejectInvalidNames({ firstName, lastName });
    return hashChosenPassword(password, { email, names: [firstName, lastName] }, services.settings);
  },
  async run(context, input, passwordHash) {
    const { store, uses, fail, now } = context;
    // Checked inside the transaction, so that a retry with its Idempotency-Key gets the first answer after the set-up is closed.
    if (!(await store.consume(hashSecret(input.token), "set-up", now))) {
      fail((await store.setUpIsOpen()) ? SetUpTokenInvalid : SetUpDone);
    }
    const user = await createVerifiedUser(context, input, passwordHash);
    await uses.tenancy.makeAdministrator(user.id);
    return user;
  },
});
