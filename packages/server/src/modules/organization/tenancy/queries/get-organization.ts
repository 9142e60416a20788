import { either, internal, permission } from "#operation/declaration/authorization.ts";
import { Type, Uuid } from "#operation/declaration/schema.ts";
import { OrganizationNotFound } from "../errors.ts";
import { Organization } from "../model.ts";
import { tenancy } from "../module.ts";
import { toOrganization } from "../store.ts";

/** One organization, for its members and for internal administrators. */
export const getOrganization = tenancy.query("getOrganization", {
  http: "GET /api/v1/iam/organizations/:organizationId",
  summary: "Get an organization.",
  allow: either(permission("Organization.Read"), internal("Tenant.Read")),
  absent: OrganizationNotFound,
  versioned: true,
  input: Type.Object({ organizationId: Uuid }),
  output: Organization,
  errors: [OrganizationNotFound],
  run: async ({ store, fail }, { organizationId }) =>
    toOrganization((await store.organizationById(organizationId)) ?? fail(OrganizationNotFound)),
});
