import { PermissionNotHeld } from "#modules/authorization/access/index.ts";
import { either, own, permission } from "#operation/declaration/authorization.ts";
import { isUser } from "#operation/declaration/principal.ts";
import { Nothing, Type, Uuid } from "#operation/declaration/schema.ts";
import { LastOwner, MembershipNotFound, OrganizationNotFound } from "../errors.ts";
import { MemberRemoved } from "../events.ts";
import { requireRolesHeld } from "../give-roles.ts";
import { tenancy } from "../module.ts";

/** Removes a member. The last active owner cannot be removed, also where two owners remove each other concurrently. */
export const removeMember = tenancy.command("removeMember", {
  http: "DELETE /api/v1/iam/organizations/:organizationId/memberships/:membershipId",
  summary: "Remove a member from an organization, or leave it.",
  allow: either(permission("Organization.RemoveMember"), own("membership")),
  audit: { action: "Member.Removed", category: "Security", severity: "Warning", entity: "Membership" },
  absent: OrganizationNotFound,
  versioned: true,
  input: Type.Object({ organizationId: Uuid, membershipId: Uuid }),
  output: Nothing,
  inBatches: "tens of thousands of grants may name the member",
  errors: [MembershipNotFound, LastOwner, PermissionNotHeld],
  ownerOf: ({ reading }, { organizationId, membershipId }) => reading((store) => store.userOfMembership(organizationId, membershipId)),
  async prepare(context, { organizationId, membershipId }) {
    const { principal } = context;
    const userId = await context.reading((store) => store.userOfMembership(organizationId, membershipId));
    // A member may leave with roles that they could not grant themselves.
    if (isUser(principal, userId)) return;
    const current = await context.reading((store, uses) => store.rolesOfMembership(uses.access, organizationId, membershipId));
    await requireRolesHeld(context, organizationId, current);
  },
  async run({ store, uses, emit, fail, audit, expectVersion, more }, { organizationId, membershipId }) {
    await store.lockOrganization(organizationId);
    await uses.access.lockTopHolders(organizationId);
    const member = (await store.lockMembership(organizationId, membershipId)) ?? fail(MembershipNotFound);
    expectVersion(member.version);
    const roleIds = (await uses.access.rolesOf([member.user_id], organizationId)).get(member.user_id) ?? [];
    audit({ before: { userId: member.user_id, roleIds }, after: null });
    if (await uses.access.wouldLoseLastHolder(member.user_id, organizationId, { roleIds: [] })) {
      fail(LastOwner, { field: "membershipId", rule: "last_owner" });
    }
    if (await uses.access.revokeSomeOf(member.user_id, organizationId)) {
      more();
      return null;
    }
    await store.removeMembership(member.id);
    await uses.access.assign(member.user_id, organizationId, []);
    emit(MemberRemoved, { membershipId, userId: member.user_id, organizationId });
    return null;
  },
});
