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
 * Suspends a user, which ends every session at once, or lets them in again. Nobody does so to an internal member who holds more than
 * they do, and the last active administrator stays active.
 */
export const setUserStatus = tenancy.command("setUserStatus", {
  releasedAs: "identity.setUserStatus",
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
    const held = (await context.reading((_store, uses) => uses.access.rolesOf([userId], null))).get(userId) ?? [];
    await requireRolesHeld(context, null, held);
    return held;
  },
  async run({ uses, principal, fail, audit, expectVersion }, { userId, status }, looked) {
    if (isUser(principal, userId)) fail(OwnStatus);
    // Before the users: whoever changes internal roles takes them in this order.
    await uses.access.lockTopHolders(null);
    const actor = principal.kind === "user" ? principal.id : userId;
    const locked = await uses.identity.lockUsers([userId, actor]);
    const user = locked.get(userId) ?? fail(UserNotFound);
    // Of two administrators who suspend each other at the same moment, the second is no longer one who may.
    if (principal.kind === "user" && locked.get(actor)?.status !== "Active") fail(CredentialInvalid);
    expectVersion(user.version);
    const roleIds = (await uses.access.rolesOf([userId], null)).get(userId) ?? [];
    if (roleIds.some((id) => !looked.includes(id))) fail(PermissionNotHeld, { field: "userId", rule: "changed" });
    if (await uses.access.wouldLoseLastHolder(userId, null, { roleIds, isActive: status === "Active" })) {
      fail(LastAdministrator, { field: "userId", rule: "last_administrator" });
    }
    const updated = await uses.identity.setStatus(userId, status);
    audit({ before: { status: user.status }, after: { status: updated.status } });
    return updated;
  },
});
