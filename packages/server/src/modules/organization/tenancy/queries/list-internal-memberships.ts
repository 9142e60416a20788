import { internal } from "#operation/declaration/authorization.ts";
import { Page, Paging, Type } from "#operation/declaration/schema.ts";
import { Member } from "../model.ts";
import { tenancy } from "../module.ts";
import { representMembersWithUsers } from "../represent-with-users.ts";

/** The members of the internal scope. */
export const listInternalMemberships = tenancy.query("listInternalMemberships", {
  http: "GET /api/v1/iam/internal/memberships",
  summary: "List the members of the internal scope.",
  allow: internal("InternalMember.Read"),
  input: Type.Object({ ...Paging }),
  output: Page(Member),
  tenant: () => null,
  async run({ store, uses, page }, input) {
    const request = page(input);
    const found = await store.membershipPage(null, { after: request.after?.[0], limit: request.fetch });
    const { rows, nextCursor } = request.cut(found, (row) => [row.id]);
    return { items: await representMembersWithUsers(uses, null, rows), nextCursor };
  },
});
