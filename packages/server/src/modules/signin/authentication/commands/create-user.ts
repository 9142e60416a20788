import { rejectInvalidNames, User } from "#modules/foundation/identity/index.ts";
import { operatorOnly } from "#operation/declaration/authorization.ts";
import { Type } from "#operation/declaration/schema.ts";
import { createVerifiedUser } from "../create-verified-user.ts";
import { EmailTaken } from "../errors.ts";
import { newUserFields } from "../model.ts";
import { authentication } from "../module.ts";
import { hashChosenPassword } from "../passwords/choose.ts";

/** Creates an active user, optionally as an internal administrator (`gatehouse user create`). */
export const createUser = authentication.command("createUser", {
  summary: "Create an active user.",
  allow: operatorOnly(),
  audit: { action: "User.Created", category: "Security", severity: "Warning", entity: "User" },
  hashes: true,
  everyTenant: "a user belongs to no tenant, an administrator to the internal scope",
  input: Type.Object({ ...newUserFields, administrator: Type.Optional(Type.Boolean()) }),
  output: User,
  errors: [EmailTaken],
  async prepare({ services }, { email, password, firstName, lastName }) {
    rejectInvalidNames({ firstName, lastName });
    return hashChosenPassword(password, { email, names: [firstName, lastName] }, services.settings);
  },
  async run(context, input, passwordHash) {
    const user = await createVerifiedUser(context, input, passwordHash);
    if (input.administrator) {
      await context.uses.tenancy.makeAdministrator(user.id);
      await context.store.closeSetUp();
    }
    return user;
  },
});
