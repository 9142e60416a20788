import { operatorOnly } from "#operation/declaration/authorization.ts";
import { Type, Uuid } from "#operation/declaration/schema.ts";
import { MemberRemoved, OrganizationErased } from "../events.ts";
import { tenancy } from "../module.ts";

/**
 * Rows of one kind in one transaction, two events a member at most: some tenths of a second, so that neither the log's horizon nor a
 * transaction that waits for a row stands still for longer, and a batch is little work for the projection.
 */
const rowsAtOnce = 500;

/**
 * Does the next batch of an organization's erasure. What one batch has removed is told by its own events; one that is interrupted leaves
 * nothing, and the next begins where the last was committed.
 */
export const continueErasure = tenancy.command("continueErasure", {
  summary: "Remove the next batch of the data of an organization that is being erased.",
  allow: operatorOnly(),
  audit: { action: "Organization.ErasureContinued", category: "System", severity: "Info", entity: "Organization" },
  input: Type.Object({ organizationId: Uuid }),
  output: Type.Object({ more: Type.Boolean(), membersRemoved: Type.Integer(), membersTotal: Type.Integer() }),
  async run({ store, uses, emit, audit, now }, { organizationId }) {
    audit({ entity: { type: "Organization", id: organizationId } });
    const erasure = await store.lockErasure(organizationId);
    if (erasure === undefined) return { more: false, membersRemoved: 0, membersTotal: 0 };
    const progress = { membersRemoved: erasure.members_removed, membersTotal: erasure.members_total };
    const members = await store.removeMemberships(organizationId, rowsAtOnce);
    if (members.length > 0) {
      const userIds = members.map(({ user_id }) => user_id);
      await uses.access.removeMembers(organizationId, userIds);
      for (const { id, user_id } of members) emit(MemberRemoved, { membershipId: id, userId: user_id, organizationId });
    }
    // Invitations before roles: an invitation keeps the roles that it offers.
    const removed =
      members.length > 0 ||
      (await store.removeInvitations(organizationId, rowsAtOnce)) > 0 ||
      (await uses.access.eraseSome(organizationId, rowsAtOnce)) ||
      (await uses.decisions.eraseSome(organizationId, rowsAtOnce));
    await store.noteErased(organizationId, members.length);
    if (removed) return { ...progress, more: true, membersRemoved: progress.membersRemoved + members.length };
    await uses.access.finishErasure(organizationId);
    await store.finishErasure(organizationId, now);
    emit(OrganizationErased, { organizationId });
    return { ...progress, more: false };
  },
});
