import { v7 as uuid } from "uuid";
import { PermissionNotHeld } from "#modules/authorization/access/index.ts";
import { recordUndeliverableOperation } from "#modules/foundation/identity/index.ts";
import { takeInvitations, takeMail } from "#modules/foundation/notifications/index.ts";
import { permission } from "#operation/declaration/authorization.ts";
import { OperationError, QuotaExceeded, TooManyRequests } from "#operation/declaration/errors.ts";
import { isIdentified, principalKey } from "#operation/declaration/principal.ts";
import { Email, Type, Uuid } from "#operation/declaration/schema.ts";
import { requireWithinQuota } from "#operation/kernel/quota.ts";
import { violatedUnique } from "#platform/database/driver-errors.ts";
import { hashSecret, newSecret } from "#platform/secrets.ts";
import { AlreadyMember, InvitationExists, OrganizationNotFound, RoleUnknown } from "../errors.ts";
import { MemberInvited } from "../events.ts";
import { requireRolesHeld, rolesInScope } from "../give-roles.ts";
import { chosenRoles, Invitation, RoleChoice } from "../model.ts";
import { tenancy } from "../module.ts";
import { representInvitation } from "../represent.ts";
import type { OrganizationRow } from "../store.ts";

const product = "Gatehouse";

/** Invites an e-mail address to the organization with roles. Mails a single-use link. */
export const inviteMember = tenancy.command("inviteMember", {
  http: "POST /api/v1/iam/organizations/:organizationId/invitations",
  summary: "Invite someone to join an organization.",
  allow: permission("Organization.InviteMember"),
  audit: { action: "Member.Invited", category: "Security", severity: "Info", entity: "Invitation" },
  absent: OrganizationNotFound,
  status: 201,
  input: Type.Object({ organizationId: Uuid, email: Email, ...RoleChoice }),
  output: Invitation,
  errors: [RoleUnknown, PermissionNotHeld, AlreadyMember, InvitationExists, QuotaExceeded],
  async prepare(context, input) {
    const wanted = chosenRoles(input);
    await requireRolesHeld(context, input.organizationId, wanted);
    const { principal, services } = context;
    if (isIdentified(principal)) {
      const wait = await takeInvitations(services, { principal: principalKey(principal), organizationId: input.organizationId });
      if (wait > 0) throw new OperationError(TooManyRequests, [], { retryAfterSeconds: wait });
    }
    return wanted;
  },
  async run({ store, uses, principal, emit, fail, now, services }, { organizationId, email }, wanted) {
    await rolesInScope(uses.access, organizationId, wanted, fail);
    const organization = (await store.organizationById(organizationId)) as OrganizationRow;
    const invitee = await uses.identity.userByEmail(email);
    if (invitee && (await store.membershipOf(invitee.id, organizationId))) fail(AlreadyMember, { field: "email", rule: "member" });
    await store.expireInvitations(organizationId, email, now);
    requireWithinQuota("invitations", (await store.invitationsForQuota(organizationId, now)) + 1, services.settings.quotas.invitations);
    const inviter = principal.kind === "user" ? await uses.identity.userById(principal.id) : undefined;
    const token = newSecret();
    const row = await store
      .insertInvitation(
        {
          id: uuid(),
          organization_id: organizationId,
          invitee_email: email,
          inviter_user_id: inviter?.id ?? null,
          role_id: wanted[0] as string,
          status: "Pending",
          token: hashSecret(token),
          expires_at: new Date(now.getTime() + services.settings.invitationSeconds * 1_000),
          created_at: now,
        },
        wanted,
      )
      .catch((error: unknown) => {
        if (violatedUnique(error) === "idx_invitations_open") fail(InvitationExists, { field: "email", rule: "invited" });
        throw error;
      });
    // Counts only mails that are sent: an address with an open invitation is refused above.
    const wait = await takeMail(services, "invitation", email);
    if (wait > 0) throw new OperationError(TooManyRequests, [], { retryAfterSeconds: wait });
    await uses.notifications.mail({
      template: "invitation",
      to: email,
      locale: invitee?.locale ?? inviter?.locale ?? "en",
      data: {
        organizationName: organization.name,
        inviterName: inviter ? `${inviter.firstName} ${inviter.lastName}` : product,
        invitationId: row.id,
        token,
      },
      onUndeliverable: recordUndeliverableOperation,
    });
    emit(MemberInvited, { invitationId: row.id, organizationId, email, roleIds: [...wanted] });
    return representInvitation(row, wanted, now);
  },
});
