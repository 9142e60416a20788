import { PermissionNotHeld } from "#modules/authorization/access/index.ts";
import { OwnStatus, User, UserNotFound } from "#modules/foundation/identity/index.ts";
import { internal } from "#operation/declaration/authorization.ts";
import { CredentialInvalid } from "#operation/declaration/errors.ts";
import { isUser } from "#operation/declaration/principal.ts";
import { oneOf, Type, Uuid } from "#operation/declaration/schema.ts";
import { LastAdministrator } from "../errors.ts";
import { requireRolesHeld } from "../give-roles.ts";
import { tenancy } from "../module.ts";

/**
 * Suspends a user, which revokes every session at once, or activates them again. Refused for an internal member with permissions that the
 * caller does not hold, and for the last active administrator.
 */
export const setUserStatus = tenancy.command("setUserStatus", {
  http: "PATCH /api/v1/users/:userId",
  summary: "Suspend a user, or make them active again.",
  allow: internal("User.SetStatus"),
  audit: { action: "User.StatusChanged", category: "Security", severity: "Warning", entity: "User" },
  versioned: true,
  input: Type.Object({ userId: Uuid, status: oneOf("Active", "Suspended") }),
  output: User,
  errors: [UserNotFound, OwnStatus, CredentialInvalid, PermissionNotHeld, LastAdministrator],
  tenant: () => null,
  async prepare(context, { userId }) {
    const roleIds = (await context.reading((_store, uses) => uses.access.rolesOf([userId], null))).get(userId) ?? [];
    await requireRolesHeld(context, null, roleIds);
    return roleIds;
  },
  async run({ uses, principal, fail, audit, expectVersion }, { userId, status }, checkedRoleIds) {
    if (isUser(principal, userId)) fail(OwnStatus);
    // Locked before the users: changes of internal roles use the same order.
    await uses.access.lockTopHolders(null);
    const actor = principal.kind === "user" ? principal.id : userId;
    const locked = await uses.identity.lockUsers([userId, actor]);
    const user = locked.get(userId) ?? fail(UserNotFound);
    // Where two administrators suspend each other concurrently, the second is suspended by now.
    if (principal.kind === "user" && locked.get(actor)?.status !== "Active") fail(CredentialInvalid);
    expectVersion(user.version);
    const roleIds = (await uses.access.rolesOf([userId], null)).get(userId) ?? [];
    if (roleIds.some((id) => !checkedRoleIds.includes(id))) fail(PermissionNotHeld, { field: "userId", rule: "changed" });
    if (await uses.access.wouldLoseLastHolder(userId, null, { roleIds, isActive: status === "Active" })) {
      fail(LastAdministrator, { field: "userId", rule: "last_administrator" });
    }
    const updated = await uses.identity.setStatus(userId, status);
    audit({ before: { status: user.status }, after: { status: updated.status } });
    return updated;
  },
});
