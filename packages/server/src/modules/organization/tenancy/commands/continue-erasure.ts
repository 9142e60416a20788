import { operatorOnly } from "#operation/declaration/authorization.ts";
import { Type, Uuid } from "#operation/declaration/schema.ts";
import { MemberRemoved, OrganizationErased } from "../events.ts";
import { tenancy } from "../module.ts";

/**
 * Rows of one kind per transaction, with at most two events for each member. A batch takes tenths of a second, so that it delays neither the
 * log's horizon nor transactions that wait for a row, and the projection keeps up.
 */
const batchRows = 500;

/**
 * Executes the next batch of an organization's erasure. Each batch emits the events of what it removed. An interrupted batch is rolled
 * back; the next one continues after the last committed batch.
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
    const members = await store.removeMemberships(organizationId, batchRows);
    if (members.length > 0) {
      const userIds = members.map(({ user_id }) => user_id);
      await uses.access.removeMembers(organizationId, userIds);
      for (const { id, user_id } of members) emit(MemberRemoved, { membershipId: id, userId: user_id, organizationId });
    }
    // Invitations before roles: an invitation references the roles that it offers.
    const removed =
      members.length > 0 ||
      (await store.removeInvitations(organizationId, batchRows)) > 0 ||
      (await uses.access.eraseSome(organizationId, batchRows)) ||
      (await uses.decisions.eraseSome(organizationId, batchRows));
    await store.recordErasureBatch(organizationId, members.length);
    if (removed) return { ...progress, more: true, membersRemoved: progress.membersRemoved + members.length };
    await uses.access.finishErasure(organizationId);
    await store.finishErasure(organizationId, now);
    emit(OrganizationErased, { organizationId });
    return { ...progress, more: false };
  },
});
