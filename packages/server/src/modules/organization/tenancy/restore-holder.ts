import { v7 as uuid } from "uuid";
import type { User } from "#modules/foundation/identity/index.ts";
import type { Emit } from "#operation/module.ts";
import { UserUnknown } from "./errors.ts";
import { MemberJoined, MemberRolesChanged } from "./events.ts";
import type { MembershipRow } from "./store.ts";

interface Writing {
  readonly store: {
    membershipOf(userId: string, organizationId: string | null): Promise<MembershipRow | undefined>;
    insertMembership(row: {
      id: string;
      user_id: string;
      organization_id: string | null;
      role_id: string;
      joined_at: Date;
    }): Promise<MembershipRow | undefined>;
    setFirstRole(id: string, roleId: string): Promise<MembershipRow>;
  };
  readonly uses: {
    readonly access: {
      lockTopHolders(organizationId: string | null): Promise<void>;
      assign(userId: string, organizationId: string | null, roleIds: readonly string[]): Promise<void>;
    };
    readonly identity: {
      userByEmail(email: string): Promise<User | undefined>;
      lockUsers(ids: readonly string[]): Promise<ReadonlyMap<string, User>>;
      setStatus(userId: string, status: "Active"): Promise<User>;
    };
  };
  readonly emit: Emit;
  readonly now: Date;
  fail(error: typeof UserUnknown, detail: { readonly field: string; readonly rule: string; readonly message: string }): never;
}

/**
 * Makes a user an active holder of the highest role of a scope, and of no other role there: one of those may be what took rights away.
 * An address that nobody has confirmed is refused, as its account may be a stranger's.
 */
export async function restoreHolder(
  { store, uses, emit, now, fail }: Writing,
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
