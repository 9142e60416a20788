import { PermissionNotHeld } from "#modules/authorization/access/index.ts";
import { permission } from "#operation/declaration/authorization.ts";
import { Type, Uuid } from "#operation/declaration/schema.ts";
import { LastOwner, MembershipNotFound, OrganizationNotFound, RoleUnknown } from "../errors.ts";
import { MemberRolesChanged } from "../events.ts";
import { requireRolesHeld, rolesInScope } from "../give-roles.ts";
import { chosenRoles, Membership, RoleChoice } from "../model.ts";
import { tenancy } from "../module.ts";
import { representMember } from "../represent.ts";

/** Replaces the roles of a member. */
export const changeMemberRole = tenancy.command("changeMemberRole", {
  http: "PUT /api/v1/iam/organizations/:organizationId/memberships/:membershipId",
  summary: "Change the roles of a member.",
  allow: permission("Organization.ChangeMemberRole"),
  audit: { action: "Member.RoleChanged", category: "Security", severity: "Warning", entity: "Membership" },
  absent: OrganizationNotFound,
  versioned: true,
  input: Type.Object({ organizationId: Uuid, membershipId: Uuid, ...RoleChoice }),
  output: Membership,
  errors: [MembershipNotFound, RoleUnknown, LastOwner, PermissionNotHeld],
  async prepare(context, input) {
    const wanted = chosenRoles(input);
    const current = await context.reading((store, uses) => store.rolesOfMembership(uses.access, input.organizationId, input.membershipId));
    await requireRolesHeld(context, input.organizationId, [...wanted, ...current]);
    return wanted;
  },
  async run({ store, uses, emit, fail, audit, expectVersion }, { organizationId, membershipId }, wanted) {
    await store.lockOrganization(organizationId);
    await uses.access.lockTopHolders(organizationId);
    const member = (await store.lockMembership(organizationId, membershipId)) ?? fail(MembershipNotFound);
    expectVersion(member.version);
    await rolesInScope(uses.access, organizationId, wanted, fail);
    const before = (await uses.access.rolesOf([member.user_id], organizationId)).get(member.user_id) ?? [];
    audit({ before: { userId: member.user_id, roleIds: before }, after: { userId: member.user_id, roleIds: wanted } });
    if (await uses.access.wouldLoseLastHolder(member.user_id, organizationId, { roleIds: wanted })) {
      fail(LastOwner, { field: "membershipId", rule: "last_owner" });
    }
    const row = await store.setFirstRole(member.id, wanted[0] as string);
    await uses.access.assign(member.user_id, organizationId, wanted);
    emit(MemberRolesChanged, { membershipId, userId: member.user_id, organizationId, roleIds: [...wanted] });
    return representMember(uses.access, row);
  },
});
