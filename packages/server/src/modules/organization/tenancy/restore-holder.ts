import { v7 as uuid } from "uuid";
import type { access } from "#modules/authorization/access/index.ts";
import type { identity } from "#modules/foundation/identity/index.ts";
import type { ErrorDetail } from "#operation/declaration/errors.ts";
import type { ApisOf, Emit } from "#operation/declaration/module.ts";
import { UserUnknown } from "./errors.ts";
import { MemberJoined, MemberRolesChanged } from "./events.ts";
import type { MembershipRow, tenancyStore } from "./store.ts";

/** Written out, because the module's own API calls it too: its type cannot depend on the module's. */
interface Restoring {
  readonly store: ReturnType<typeof tenancyStore.reads> & ReturnType<typeof tenancyStore.writes>;
  readonly uses: ApisOf<{ readonly access: typeof access; readonly identity: typeof identity }>;
  readonly emit: Emit;
  readonly now: Date;
  readonly fail: (error: typeof UserUnknown, detail: ErrorDetail) => never;
}

/**
 * Makes a user an active holder of the highest role of a scope, and of no other role there: one of those may be what took rights away.
 * An address that nobody has confirmed is refused, as its account may be another person's.
 */
export async function restoreHolder(
  { store, uses, emit, now, fail }: Restoring,
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
