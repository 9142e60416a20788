import { operatorOnly } from "../../../operation/authorization.ts";
import { Type, Uuid } from "../../../operation/schema.ts";
import { MemberRemoved, OrganizationErased } from "../events.ts";
import { tenancy } from "../module.ts";

/** Rows that are read at once; all of it is one transaction, so that nobody meets half an organization. */
const page = 500;

/**
 * Erases an organization with everything that is kept under it (S3 §26.1, tenant.data.deletion.requested): members lose their
 * roles, sessions for it end, grants, roles, invitations and its plan go. People stay, as they belong to no organization; of the
 * log and the trail the ids stay. A repetition finds nothing and says so.
 */
export const eraseOrganization = tenancy.command("eraseOrganization", {
  summary: "Erase an organization and all of its data.",
  allow: operatorOnly(),
  input: Type.Object({ organizationId: Uuid }),
  output: Type.Object({ erased: Type.Boolean() }),
  async run({ store, uses, emit, audit, now }, { organizationId }) {
    audit({ entity: { type: "Organization", id: organizationId } });
    if ((await store.lockOrganization(organizationId)) === undefined) return { erased: false };
    for (;;) {
      const members = await store.membershipPage(organizationId, { after: undefined, limit: page });
      for (const member of members) {
        await store.removeMembership(member.id);
        await uses.access.assign(member.user_id, organizationId, []);
        emit(MemberRemoved, { membershipId: member.id, userId: member.user_id, organizationId });
      }
      if (members.length < page) break;
    }
    await store.removeInvitations(organizationId);
    await uses.access.eraseTenant(organizationId);
    await store.eraseOrganization(organizationId, now);
    emit(OrganizationErased, { organizationId });
    return { erased: true };
  },
});
