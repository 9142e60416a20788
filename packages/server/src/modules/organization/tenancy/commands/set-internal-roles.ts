import { v7 as uuid } from "uuid";
import { PermissionNotHeld } from "#modules/authorization/access/index.ts";
import { internal } from "#operation/declaration/authorization.ts";
import { Type, Uuid } from "#operation/declaration/schema.ts";
import { LastAdministrator, RoleUnknown, UserUnknown } from "../errors.ts";
import { MemberJoined, MemberRolesChanged } from "../events.ts";
import { requireRolesHeld, rolesInScope } from "../give-roles.ts";
import { chosenRoles, Membership, RoleChoice } from "../model.ts";
import { tenancy } from "../module.ts";
import { representMember } from "../represent.ts";

/** Adds a user to the internal scope, or replaces the roles of an internal member. */
export const setInternalRoles = tenancy.command("setInternalRoles", {
  http: "PUT /api/v1/iam/internal/memberships/:userId",
  summary: "Give a user roles of the internal scope.",
  allow: internal("InternalMember.Manage"),
  audit: { action: "InternalMember.RoleChanged", category: "Security", severity: "Critical", entity: "User" },
  versioned: true,
  input: Type.Object({ userId: Uuid, ...RoleChoice }),
  output: Membership,
  errors: [UserUnknown, RoleUnknown, PermissionNotHeld, LastAdministrator],
  tenant: () => null,
  async prepare(context, input) {
    const wanted = chosenRoles(input);
    const current = await context.reading((_store, uses) => uses.access.rolesOf([input.userId], null));
    await requireRolesHeld(context, null, [...wanted, ...(current.get(input.userId) ?? [])]);
    return wanted;
  },
  async run({ store, uses, emit, fail, audit, expectVersion, now }, { userId }, wanted) {
    await store.lockInternalScope();
    await uses.access.lockTopHolders(null);
    if (!(await uses.identity.userById(userId))) fail(UserUnknown, { field: "userId" });
    await rolesInScope(uses.access, null, wanted, fail);
    const first = wanted[0] as string;
    const joined = await store.insertMembership({ id: uuid(), user_id: userId, organization_id: null, role_id: first, joined_at: now });
    const before = (await uses.access.rolesOf([userId], null)).get(userId) ?? [];
    audit({ entity: { type: "User", id: userId }, before: { roleIds: before }, after: { roleIds: wanted } });
    if (await uses.access.wouldLoseLastHolder(userId, null, { roleIds: wanted })) {
      fail(LastAdministrator, { field: "userId", rule: "last_administrator" });
    }
    const existing = joined ?? (await store.membershipOf(userId, null)) ?? fail(UserUnknown);
    expectVersion(existing.version);
    const row = joined ?? (await store.setFirstRole(existing.id, first));
    await uses.access.assign(userId, null, wanted);
    emit(joined ? MemberJoined : MemberRolesChanged, { membershipId: row.id, userId, organizationId: null, roleIds: [...wanted] });
    return representMember(uses.access, row);
  },
});
