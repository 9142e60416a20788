import { PermissionNotHeld } from "#modules/authorization/access/index.ts";
import { internal } from "#operation/declaration/authorization.ts";
import { Nothing, Type, Uuid } from "#operation/declaration/schema.ts";
import { LastAdministrator, MembershipNotFound } from "../errors.ts";
import { MemberRemoved } from "../events.ts";
import { requireRolesHeld } from "../give-roles.ts";
import { tenancy } from "../module.ts";

/** Removes a user from the internal scope. The last active administrator cannot be removed. */
export const removeInternalMember = tenancy.command("removeInternalMember", {
  http: "DELETE /api/v1/iam/internal/memberships/:userId",
  summary: "Remove a user from the internal scope.",
  allow: internal("InternalMember.Manage"),
  audit: { action: "InternalMember.Removed", category: "Security", severity: "Critical", entity: "User" },
  versioned: true,
  input: Type.Object({ userId: Uuid }),
  output: Nothing,
  inBatches: "tens of thousands of grants may name the member",
  errors: [MembershipNotFound, PermissionNotHeld, LastAdministrator],
  tenant: () => null,
  async prepare(context, { userId }) {
    const current = await context.reading((_store, uses) => uses.access.rolesOf([userId], null));
    await requireRolesHeld(context, null, current.get(userId) ?? []);
  },
  async run({ store, uses, emit, fail, audit, expectVersion, more }, { userId }) {
    await store.lockInternalScope();
    await uses.access.lockTopHolders(null);
    const row = (await store.membershipOf(userId, null)) ?? fail(MembershipNotFound);
    expectVersion(row.version);
    const roleIds = (await uses.access.rolesOf([userId], null)).get(userId) ?? [];
    audit({ entity: { type: "User", id: userId }, before: { roleIds }, after: { roleIds: [] } });
    if (await uses.access.wouldLoseLastHolder(userId, null, { roleIds: [] })) {
      fail(LastAdministrator, { field: "userId", rule: "last_administrator" });
    }
    if (await uses.access.revokeSomeOf(userId, null)) {
      more();
      return null;
    }
    await store.removeMembership(row.id);
    await uses.access.assign(userId, null, []);
    emit(MemberRemoved, { membershipId: row.id, userId, organizationId: null });
    return null;
  },
});
