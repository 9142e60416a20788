import { permission } from "#operation/declaration/authorization.ts";
import { Page, Paging, Type, Uuid } from "#operation/declaration/schema.ts";
import { OrganizationNotFound } from "../errors.ts";
import { Member } from "../model.ts";
import { tenancy } from "../module.ts";
import { representMembersWithUsers } from "../represent-with-users.ts";

/** The members of an organization, sorted by the time of joining. */
export const listMemberships = tenancy.query("listMemberships", {
  http: "GET /api/v1/iam/organizations/:organizationId/memberships",
  summary: "List the members of an organization.",
  allow: permission("Organization.ReadMembers"),
  absent: OrganizationNotFound,
  input: Type.Object({ organizationId: Uuid, ...Paging }),
  output: Page(Member),
  async run({ store, uses, page }, input) {
    const request = page(input);
    const found = await store.membershipPage(input.organizationId, { after: request.after?.[0], limit: request.fetch });
    const { rows, nextCursor } = request.cut(found, (row) => [row.id]);
    return { items: await representMembersWithUsers(uses, input.organizationId, rows), nextCursor };
  },
});
