import { timingSafeEqual } from "node:crypto";
import { v7 as uuid } from "uuid";
import { sameAddress } from "#modules/foundation/identity/index.ts";
import { signedIn } from "#operation/declaration/authorization.ts";
import { OrganizationInactive } from "#operation/declaration/errors.ts";
import { Token, Type, Uuid } from "#operation/declaration/schema.ts";
import { hashSecret } from "#platform/secrets.ts";
import {
  AlreadyMember,
  InvitationAccepted,
  InvitationExpired,
  InvitationForAnother,
  InvitationNotFound,
  InvitationRevoked,
} from "../errors.ts";
import { InvitationWasAccepted, MemberJoined } from "../events.ts";
import { Membership } from "../model.ts";
import { tenancy } from "../module.ts";
import { representInvitation, representMember } from "../represent.ts";
import type { InvitationRow } from "../store.ts";

const invitePermission = "Organization.InviteMember";

const refusals = {
  Accepted: InvitationAccepted,
  Revoked: InvitationRevoked,
  Expired: InvitationExpired,
  Pending: InvitationExpired,
} as const;

/**
 * Accepts an invitation with the mailed token. The caller must be signed in with the invited address. A wrong token and an unknown
 * invitation get the same answer. An invitation that its inviter could not send now is refused as revoked (decision 0042).
 */
export const acceptInvitation = tenancy.command("acceptInvitation", {
  http: "POST /api/v1/iam/invitations/:invitationId/accept",
  summary: "Accept an invitation; the caller becomes a member.",
  allow: signedIn(),
  audit: { action: "Invitation.Accepted", category: "Security", severity: "Info", entity: "Invitation" },
  everyTenant: "the invited user is not yet a member of the organization",
  versioned: true,
  input: Type.Object({ invitationId: Uuid, token: Token }),
  output: Membership,
  errors: [
    InvitationNotFound,
    InvitationForAnother,
    InvitationAccepted,
    InvitationRevoked,
    InvitationExpired,
    AlreadyMember,
    OrganizationInactive,
  ],
  async prepare({ reading, cached }, { invitationId }) {
    const invitation = await reading(async (store, uses) => {
      const found = await store.invitationById(invitationId);
      if (found === undefined || found.inviter_user_id === null) return undefined;
      const offered = (await store.rolesOffered([invitationId])).get(invitationId) ?? [];
      const given = await uses.access.permissionsGivenBy(found.organization_id, offered);
      return { inviterId: found.inviter_user_id, organizationId: found.organization_id, needed: [invitePermission, ...given] };
    });
    return invitation === undefined || cached.decisions.mayHold(invitation.inviterId, invitation.organizationId, invitation.needed);
  },
  async run({ store, uses, user, emit, fail, audit, now }, { invitationId, token }, inviterMay) {
    const tokenHash = hashSecret(token);
    const found: InvitationRow = (await store.invitationById(invitationId)) ?? fail(InvitationNotFound);
    if (!timingSafeEqual(Buffer.from(found.token), Buffer.from(tokenHash))) fail(InvitationNotFound);
    const person = await uses.identity.userById(user.id);
    if (!person || !sameAddress(person.email, found.invitee_email)) fail(InvitationForAnother);
    const organizationId = found.organization_id;
    audit({ organizationId });
    // The lock of the last-owner rule: serializes joining, leaving and suspending.
    const organization = await store.lockOrganization(organizationId);
    if (organization?.status !== "Active") fail(OrganizationInactive);
    const offered = (await store.rolesOffered([invitationId])).get(invitationId) ?? [];
    // Checked under the lock that the removal of a member takes.
    const inviterIsMember = async ({ inviter_user_id: inviterId }: InvitationRow): Promise<boolean> =>
      inviterId === null ||
      ((await store.membershipOf(inviterId, organizationId)) !== undefined &&
        (await uses.identity.userById(inviterId))?.status === "Active");
    if (found.status === "Pending" && !(inviterMay && (await inviterIsMember(found)))) fail(InvitationRevoked);
    const accepted = await store.acceptInvitation(invitationId, tokenHash, now);
    if (!accepted) {
      const current = (await store.invitationById(invitationId)) as InvitationRow;
      return fail(refusals[representInvitation(current, [], now).status]);
    }
    const row = await store.insertMembership({
      id: uuid(),
      user_id: user.id,
      organization_id: organizationId,
      role_id: offered[0] as string,
      joined_at: now,
    });
    if (!row) return fail(AlreadyMember);
    await uses.access.assign(user.id, organizationId, offered);
    await store.releaseOfferedRoles(invitationId);
    emit(InvitationWasAccepted, { invitationId, organizationId, email: found.invitee_email, userId: user.id });
    emit(MemberJoined, { membershipId: row.id, userId: user.id, organizationId, roleIds: [...offered] });
    return representMember(uses.access, row);
  },
});
