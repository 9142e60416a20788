import { Locale } from "#modules/foundation/identity/index.ts";
import { Email, PersonName, type Static, Type } from "#operation/declaration/schema.ts";

export const NewPassword = Type.String({ minLength: 8, maxLength: 128, "x-secret": true });

/** A user whose address needs no confirmation: created by the operator or with the set-up link. */
export const newUserFields = {
  email: Email,
  password: NewPassword,
  firstName: PersonName,
  lastName: PersonName,
  locale: Type.Optional(Locale),
};
const NewUser = Type.Object(newUserFields);
export type NewUser = Static<typeof NewUser>;
