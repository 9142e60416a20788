import { permission } from "#operation/declaration/authorization.ts";
import { Nothing, Type, Uuid } from "#operation/declaration/schema.ts";
import { tenantOfRow } from "#operation/declaration/tenant-of-row.ts";
import { InvitationAccepted, InvitationExpired, InvitationNotFound, InvitationRevoked } from "../errors.ts";
import { InvitationWasRevoked } from "../events.ts";
import { tenancy } from "../module.ts";
import type { TenancyReads } from "../store.ts";

const refusals = {
  Accepted: InvitationAccepted,
  Revoked: InvitationRevoked,
  Expired: InvitationExpired,
  Pending: InvitationExpired,
} as const;

/** Revokes an open invitation. Its link no longer works. */
export const revokeInvitation = tenancy.command("revokeInvitation", {
  http: "DELETE /api/v1/iam/invitations/:invitationId",
  summary: "Revoke an open invitation.",
  allow: permission("Organization.InviteMember"),
  audit: { action: "Invitation.Revoked", category: "Security", severity: "Info", entity: "Invitation" },
  absent: InvitationNotFound,
  input: Type.Object({ invitationId: Uuid }),
  output: Nothing,
  errors: [InvitationNotFound, InvitationAccepted, InvitationRevoked, InvitationExpired],
  tenant: tenantOfRow((store: TenancyReads, id) => store.invitationById(id), "invitationId", InvitationNotFound),
  async run({ store, emit, fail, now }, { invitationId }) {
    const row = await store.revokeInvitation(invitationId, now);
    if (!row) {
      const current = (await store.invitationById(invitationId)) ?? fail(InvitationNotFound);
      return fail(refusals[current.status]);
    }
    await store.releaseOfferedRoles(row.id);
    emit(InvitationWasRevoked, { invitationId: row.id, organizationId: row.organization_id, email: row.invitee_email });
    return null;
  },
});
