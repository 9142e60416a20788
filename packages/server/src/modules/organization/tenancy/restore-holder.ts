import { v7 as uuid } from "uuid";
import type { access } from "#modules/authorization/access/index.ts";
import type { identity } from "#modules/foundation/identity/index.ts";
import type { ErrorDetail } from "#operation/declaration/errors.ts";
import type { ApisOf, Emit } from "#operation/declaration/module.ts";
import { UserUnknown } from "./errors.ts";
import { MemberJoined, MemberRolesChanged } from "./events.ts";
import type { MembershipRow, tenancyStore } from "./store.ts";

/** Declared separately from the module's context types, because the module's own API calls the function. */
interface RestoreContext {
  readonly store: ReturnType<typeof tenancyStore.reads> & ReturnType<typeof tenancyStore.writes>;
  readonly uses: ApisOf<{ readonly access: typeof access; readonly identity: typeof identity }>;
  readonly emit: Emit;
  readonly now: Date;
  readonly fail: (error: typeof UserUnknown, detail: ErrorDetail) => never;
}

/**
 * Makes a user active with the highest role of a scope, and with no other role there: another role could restrict their permissions. An
 * unconfirmed address is refused: the account may belong to another person.
 */
export async function restoreHolder(
  { store, uses, emit, now, fail }: RestoreContext,
  email: string,
  organizationId: string | null,
  roleId: string,
): Promise<MembershipRow> {
  await uses.access.lockTopHolders(organizationId);
  const { id: userId } =
    (await uses.identity.userByEmail(email)) ?? fail(UserUnknown, { field: "email", rule: "exists", message: "has no account" });
  await uses.identity.lockUsers([userId]);
  const { status } = await uses.identity.setStatus(userId, "Active");
  if (status !== "Active") fail(UserUnknown, { field: "email", rule: "confirmed", message: "is not confirmed" });
  const joined = await store.insertMembership({
    id: uuid(),
    user_id: userId,
    organization_id: organizationId,
    role_id: roleId,
    joined_at: now,
  });
  const row = joined ?? (await store.setFirstRole(((await store.membershipOf(userId, organizationId)) as MembershipRow).id, roleId));
  await uses.access.assign(userId, organizationId, [roleId]);
  emit(joined ? MemberJoined : MemberRolesChanged, { membershipId: row.id, userId, organizationId, roleIds: [roleId] });
  return row;
}
