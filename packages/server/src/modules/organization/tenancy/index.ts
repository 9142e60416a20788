import type { ModuleManifest } from "#operation/declaration/module.ts";
import { acceptInvitation } from "./commands/accept-invitation.ts";
import { changeMemberRole } from "./commands/change-member-role.ts";
import { continueErasure } from "./commands/continue-erasure.ts";
import { createOrganization } from "./commands/create-organization.ts";
import { eraseOrganization } from "./commands/erase-organization.ts";
import { expireInvitations } from "./commands/expire-invitations.ts";
import { inviteMember } from "./commands/invite-member.ts";
import { removeInternalMember } from "./commands/remove-internal-member.ts";
import { removeMember } from "./commands/remove-member.ts";
import { restoreOwner } from "./commands/restore-owner.ts";
import { revokeInvitation } from "./commands/revoke-invitation.ts";
import { setInternalRoles } from "./commands/set-internal-roles.ts";
import { setUserStatus } from "./commands/set-user-status.ts";
import { updateOrganization } from "./commands/update-organization.ts";
import { events } from "./events.ts";
import { erasureGauge, organizationGauge } from "./gauges.ts";
import { eraseOrganizationsJob, eraseOrganizationsWork, expireInvitationsJob, expireInvitationsWork } from "./jobs.ts";
import { tenancy } from "./module.ts";
import { getOrganization } from "./queries/get-organization.ts";
import { listErasures } from "./queries/list-erasures.ts";
import { listInternalMemberships } from "./queries/list-internal-memberships.ts";
import { listInvitations } from "./queries/list-invitations.ts";
import { listMemberships } from "./queries/list-memberships.ts";
import { listOrganizations } from "./queries/list-organizations.ts";
import { steps } from "./schema-steps.ts";

export { OrganizationNotFound, UserUnknown } from "./errors.ts";
export { MemberRemoved, OrganizationStatusChanged } from "./events.ts";
export { Membership, OrganizationStatus } from "./model.ts";
export { eraseOrganization, listErasures, restoreOwner, tenancy };

export const manifest: ModuleManifest = {
  module: tenancy,
  operations: [
    createOrganization,
    listOrganizations,
    getOrganization,
    updateOrganization,
    listMemberships,
    changeMemberRole,
    removeMember,
    inviteMember,
    listInvitations,
    acceptInvitation,
    revokeInvitation,
    expireInvitations,
    eraseOrganization,
    continueErasure,
    listErasures,
    listInternalMemberships,
    setInternalRoles,
    removeInternalMember,
    setUserStatus,
    restoreOwner,
  ],
  events,
  steps,
  gauges: [organizationGauge, erasureGauge],
  queues: [expireInvitationsJob, eraseOrganizationsJob],
  jobs: (platform, dispatch) => [expireInvitationsWork(dispatch), eraseOrganizationsWork(platform, dispatch)],
};
