import { defineEvent } from "#operation/declaration/event.ts";
import { Email, Name, nullable, Type, Uuid } from "#operation/declaration/schema.ts";
import { Country, OrganizationStatus, Slug } from "./model.ts";

const inOrganization = { subject: ["organization", "organizationId"], tenant: "organizationId" } as const;
const settings = { organizationId: Uuid, name: Name, slug: Slug, country: Country, logoAssetId: nullable(Uuid) };

export const OrganizationCreated = defineEvent({
  type: "organization.created.v1",
  summary: "An organization was created; its creator is the first owner.",
  ...inOrganization,
  data: Type.Object({ ...settings, ownerUserId: Uuid }),
});

export const OrganizationUpdated = defineEvent({
  type: "organization.settings_updated.v1",
  summary: "The settings of an organization changed.",
  ...inOrganization,
  data: Type.Object(settings),
});

export const OrganizationStatusChanged = defineEvent({
  type: "organization.status_changed.v1",
  summary: "An organization was suspended or made active again.",
  ...inOrganization,
  data: Type.Object({ organizationId: Uuid, status: OrganizationStatus }),
});

export const OrganizationErasureStarted = defineEvent({
  type: "organization.erasure_started.v1",
  summary: "An organization is inaccessible and its data is being deleted. organization.erased.v1 follows when nothing is left.",
  subject: ["organization", "organizationId"],
  tenant: "organizationId",
  data: Type.Object({ organizationId: Uuid }),
});

export const OrganizationErased = defineEvent({
  type: "organization.erased.v1",
  summary: "An organization and all of its data were erased.",
  ...inOrganization,
  data: Type.Object({ organizationId: Uuid }),
});

const member = { membershipId: Uuid, userId: Uuid, organizationId: nullable(Uuid) };
const aboutMembership = { subject: ["membership", "membershipId"], tenant: "organizationId" } as const;

export const MemberJoined = defineEvent({
  type: "membership.created.v1",
  summary: "A user became a member of an organization, or of the internal scope.",
  ...aboutMembership,
  data: Type.Object({ ...member, roleIds: Type.Array(Uuid) }),
});

export const MemberRolesChanged = defineEvent({
  type: "membership.roles_changed.v1",
  summary: "The roles of a member changed.",
  ...aboutMembership,
  data: Type.Object({ ...member, roleIds: Type.Array(Uuid) }),
});

export const MemberRemoved = defineEvent({
  type: "membership.removed.v1",
  summary: "A user is no longer a member.",
  ...aboutMembership,
  data: Type.Object(member),
});

const invitation = { invitationId: Uuid, organizationId: Uuid, email: Email };
const aboutInvitation = { subject: ["invitation", "invitationId"], tenant: "organizationId" } as const;

export const MemberInvited = defineEvent({
  type: "invitation.created.v1",
  summary: "An address was invited.",
  ...aboutInvitation,
  data: Type.Object({ ...invitation, roleIds: Type.Array(Uuid) }),
});
export const InvitationWasAccepted = defineEvent({
  type: "invitation.accepted.v1",
  summary: "An invitation was accepted.",
  ...aboutInvitation,
  data: Type.Object({ ...invitation, userId: Uuid }),
});
export const InvitationWasRevoked = defineEvent({
  type: "invitation.revoked.v1",
  summary: "An invitation was revoked.",
  ...aboutInvitation,
  data: Type.Object(invitation),
});

export const events = [
  OrganizationCreated,
  OrganizationUpdated,
  OrganizationStatusChanged,
  OrganizationErasureStarted,
  OrganizationErased,
  MemberJoined,
  MemberRolesChanged,
  MemberRemoved,
  MemberInvited,
  InvitationWasAccepted,
  InvitationWasRevoked,
];
