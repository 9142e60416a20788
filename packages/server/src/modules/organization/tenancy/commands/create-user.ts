import { canonicalLocale, EmailTaken, hashChosenPassword, refuseNoNames, User } from "#modules/foundation/identity/index.ts";
import { operatorOnly } from "#operation/authorization.ts";
import { invalid } from "#operation/errors.ts";
import { Type } from "#operation/schema.ts";
import { tenancy } from "../module.ts";
import { makeAdministrator, NewUser } from "../new-user.ts";

/** Makes an active user from the command line (`gatehouse user create`), as an internal administrator where asked. */
export const createUser = tenancy.command("createUser", {
  summary: "Create an active user.",
  allow: operatorOnly(),
  audit: { action: "User.Created", category: "Security", severity: "Warning", entity: "User" },
  hashes: true,
  everyTenant: "a user belongs to no tenant, an administrator to the internal scope",
  input: Type.Object({ ...NewUser, administrator: Type.Optional(Type.Boolean()) }),
  output: User,
  errors: [EmailTaken],
  async prepare({ services }, { email, password, firstName, lastName }) {
    refuseNoNames({ firstName, lastName });
    return hashChosenPassword(password, { email, names: [firstName, lastName] }, services.settings);
  },
  async run(context, input, passwordHash) {
    const { uses, fail } = context;
    const locale = canonicalLocale(input.locale ?? "en");
    if (typeof locale !== "string") throw invalid(locale);
    const { email, firstName, lastName } = input;
    const created = await uses.identity.createActiveUser({ email, passwordHash, firstName, lastName, locale });
    const user = created ?? fail(EmailTaken, { field: "email", rule: "taken" });
    if (input.administrator) await makeAdministrator(context, user);
    return user;
  },
});
