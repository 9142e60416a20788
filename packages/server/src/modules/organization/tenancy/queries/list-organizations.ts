import { byInput, internal, signedIn } from "#operation/declaration/authorization.ts";
import type { UserPrincipal } from "#operation/declaration/principal.ts";
import { oneOf, Page, Paging, Type } from "#operation/declaration/schema.ts";
import { Organization } from "../model.ts";
import { tenancy } from "../module.ts";
import { toOrganization } from "../store.ts";

/** The organizations that the caller is a member of; for internal administrators, `of=all` lists every one. */
export const listOrganizations = tenancy.query("listOrganizations", {
  http: "GET /api/v1/iam/organizations",
  summary: "List the caller's organizations, or all of them.",
  allow: byInput("of", { all: internal("Tenant.Read") }, signedIn()),
  everyTenant: "the caller's organizations are several tenants; the query filters by their memberships",
  input: Type.Object({ of: Type.Optional(oneOf("me", "all")), ...Paging }),
  output: Page(Organization),
  async run(context, input) {
    const { store, page } = context;
    const request = page(input);
    const range = { after: request.after?.[0], limit: request.fetch };
    const ofUser = ({ id, organizationId }: UserPrincipal) => store.organizationsOf(id, organizationId, range);
    // A service has no memberships; with `of=all` it may list every organization.
    const found = await (input.of === "all" ? store.organizationPage(range) : ofUser(context.user));
    const { rows, nextCursor } = request.cut(found, (row) => [row.id]);
    return { items: rows.map(toOrganization), nextCursor };
  },
});
