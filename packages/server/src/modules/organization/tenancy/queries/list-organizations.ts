import { byInput, internal, signedIn } from "#operation/authorization.ts";
import { oneOf, Page, Paging, Type } from "#operation/schema.ts";
import { Organization } from "../model.ts";
import { tenancy } from "../module.ts";
import { toOrganization } from "../store.ts";

/** The organizations that the caller is a member of; for internal administrators, `of=all` lists every one. */
export const listOrganizations = tenancy.query("listOrganizations", {
  http: "GET /api/v1/iam/organizations",
  summary: "List the caller's organizations, or all of them.",
  allow: byInput("of", { all: internal("Tenant.Read") }, signedIn()),
  everyTenant: "the caller's organizations are several tenants; the query filters by his memberships",
  input: Type.Object({ of: Type.Optional(oneOf("me", "all")), ...Paging }),
  output: Page(Organization),
  async run({ store, user, page }, input) {
    const request = page(input);
    const place = { after: request.after?.[0], limit: request.fetch };
    const found =
      input.of === "all" ? await store.organizationPage(place) : await store.organizationsOf(user.id, user.organizationId, place);
    const { rows, nextCursor } = request.cut(found, (row) => [row.id]);
    return { items: rows.map(toOrganization), nextCursor };
  },
});
