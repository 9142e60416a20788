import { signedIn } from "#operation/declaration/authorization.ts";
import { invalid } from "#operation/declaration/errors.ts";
import { PersonName, Type } from "#operation/declaration/schema.ts";
import { UserNotFound } from "../errors.ts";
import { ProfileUpdated } from "../events.ts";
import { canonicalLocale, Locale, User } from "../model.ts";
import { identity } from "../module.ts";
import { rejectInvalidNames } from "../person-name.ts";
import { toUser } from "../store.ts";

/** Changes the caller's own profile. Omitted fields stay unchanged. */
export const updateMe = identity.command("updateMe", {
  http: "PUT /api/v1/iam/users/me",
  summary: "Update the own profile.",
  allow: signedIn(),
  audit: { action: "User.ProfileUpdated", category: "Business", severity: "Info", entity: "User" },
  versioned: true,
  input: Type.Object(
    { firstName: Type.Optional(PersonName), lastName: Type.Optional(PersonName), locale: Type.Optional(Locale) },
    { minProperties: 1 },
  ),
  output: User,
  errors: [UserNotFound],
  async run({ store, user, emit, fail, audit, expectVersion, now }, input) {
    rejectInvalidNames(input);
    const row = (await store.lockById(user.id)) ?? fail(UserNotFound);
    expectVersion(row.version);
    const locale = input.locale === undefined ? row.locale : canonicalLocale(input.locale);
    if (typeof locale !== "string") throw invalid(locale);
    const profile = { firstName: input.firstName ?? row.first_name, lastName: input.lastName ?? row.last_name, locale };
    audit({
      entity: { type: "User", id: row.id },
      before: { locale: row.locale },
      after: { locale },
      personalBefore: { firstName: row.first_name, lastName: row.last_name },
    });
    const updated = await store.updateProfile(row.id, profile, now);
    emit(ProfileUpdated, { userId: row.id, ...profile });
    return toUser(updated);
  },
});
