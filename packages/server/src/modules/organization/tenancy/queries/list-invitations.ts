import { permission } from "#operation/declaration/authorization.ts";
import { Page, Paging, Type, Uuid } from "#operation/declaration/schema.ts";
import { OrganizationNotFound } from "../errors.ts";
import { Invitation, InvitationStatus } from "../model.ts";
import { tenancy } from "../module.ts";
import { representInvitation } from "../represent.ts";

/** The invitations of an organization, oldest first; never with their tokens. */
export const listInvitations = tenancy.query("listInvitations", {
  http: "GET /api/v1/iam/organizations/:organizationId/invitations",
  summary: "List the invitations of an organization.",
  allow: permission("Organization.InviteMember"),
  absent: OrganizationNotFound,
  input: Type.Object({ organizationId: Uuid, status: Type.Optional(InvitationStatus), ...Paging }),
  output: Page(Invitation),
  async run({ store, page, now }, input) {
    const request = page(input);
    const found = await store.invitationPage(input.organizationId, input.status, now, { after: request.after?.[0], limit: request.fetch });
    const { rows, nextCursor } = request.cut(found, (row) => [row.id]);
    const offered = await store.rolesOffered(rows.map((row) => row.id));
    return { items: rows.map((row) => representInvitation(row, offered.get(row.id) ?? [], now)), nextCursor };
  },
});
