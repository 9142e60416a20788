import { defineError } from "#operation/declaration/errors.ts";

export const OrganizationNotFound = defineError("tenancy.organization_not_found", 404, "There is no such organization.");
export const NameTaken = defineError("tenancy.name_taken", 409, "An organization with this name exists.");
export const SlugTaken = defineError("tenancy.slug_taken", 409, "An organization with this slug exists.");
export const MembershipNotFound = defineError("tenancy.membership_not_found", 404, "There is no such membership.");
export const LastOwner = defineError("tenancy.last_owner", 409, "An organization must have at least one owner.");
export const LastAdministrator = defineError("tenancy.last_administrator", 409, "The internal scope must have at least one administrator.");
export const AlreadyMember = defineError("tenancy.already_member", 409, "The user is a member already.");
export const RoleUnknown = defineError("tenancy.role_not_found", 404, "There is no such role in this organization.");
export const InvitationNotFound = defineError("tenancy.invitation_not_found", 404, "There is no such invitation.");
export const InvitationExists = defineError(
  "tenancy.invitation_exists",
  409,
  "An open invitation for this address exists. Revoke it to send a new one.",
);
export const InvitationExpired = defineError("tenancy.invitation_expired", 409, "The invitation has expired. Ask for a new one.");
export const InvitationRevoked = defineError("tenancy.invitation_revoked", 409, "The invitation was revoked.");
export const InvitationAccepted = defineError("tenancy.invitation_accepted", 409, "The invitation was accepted already.");
export const UserUnknown = defineError("tenancy.user_not_found", 404, "There is no such user.");
export const InvitationForAnother = defineError(
  "tenancy.invitation_for_another",
  403,
  "The invitation is for another address than the one you are signed in with.",
);
