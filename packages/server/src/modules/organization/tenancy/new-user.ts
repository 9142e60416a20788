import { v7 as uuid } from "uuid";
import { Locale, NewPassword, type User } from "#modules/foundation/identity/index.ts";
import type { CommandContextOf } from "#operation/contexts-of.ts";
import { Email, PersonName, type Static, Type } from "#operation/schema.ts";
import { MemberJoined } from "./events.ts";
import type { tenancy } from "./module.ts";

/** A user whom somebody with the machine, or with the set-up link, vouches for. */
export const NewUser = { email: Email, password: NewPassword, firstName: PersonName, lastName: PersonName, locale: Type.Optional(Locale) };
const NewUserObject = Type.Object(NewUser);
export type NewUser = Static<typeof NewUserObject>;

/** Gives a user the internal Administrator role; the set-up link, if one is open, has done its work. */
export async function makeAdministrator({ store, uses, emit, now }: CommandContextOf<typeof tenancy>, user: User): Promise<void> {
  const administrator = (await uses.access.administratorRole()) as string;
  const row = await store.insertMembership({ id: uuid(), user_id: user.id, organization_id: null, role_id: administrator, joined_at: now });
  await uses.access.assign(user.id, null, [administrator]);
  await store.closeSetUp();
  if (row) emit(MemberJoined, { membershipId: row.id, userId: user.id, organizationId: null, roleIds: [administrator] });
}
