import { canonicalLocale, type User } from "#modules/foundation/identity/index.ts";
import type { CommandContextOf } from "#operation/declaration/contexts-of.ts";
import { invalid } from "#operation/declaration/errors.ts";
import { EmailTaken } from "./errors.ts";
import type { NewUser } from "./model.ts";
import type { authentication } from "./module.ts";

/** Creates an active user with a password, for an address that an operator or the set-up link has verified. Refuses a known address. */
export async function createVerifiedUser(
  { store, uses, fail, now }: CommandContextOf<typeof authentication, typeof EmailTaken>,
  input: Omit<NewUser, "password">,
  passwordHash: string,
): Promise<User> {
  const locale = canonicalLocale(input.locale ?? "en");
  if (typeof locale !== "string") throw invalid(locale);
  const { email, firstName, lastName } = input;
  if (await uses.identity.lockAddress(email)) fail(EmailTaken, { field: "email", rule: "taken" });
  const user = await uses.identity.createUser({ email, firstName, lastName, locale, status: "Active" });
  await store.setPassword(user.id, passwordHash, now);
  return user;
}
