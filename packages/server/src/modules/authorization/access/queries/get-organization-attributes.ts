import { permission } from "#operation/declaration/authorization.ts";
import { Type, Uuid } from "#operation/declaration/schema.ts";
import { AttributesOfSubject, toAttributes } from "../attributes.ts";
import { MemberNotFound } from "../errors.ts";
import { access } from "../module.ts";

/** Returns the organization's attributes; version 0 if none were set. */
export const getOrganizationAttributes = access.query("getOrganizationAttributes", {
  http: "GET /api/v1/iam/organizations/:organizationId/attributes",
  summary: "The organization's attributes.",
  allow: permission("Organization.ReadAttributes"),
  absent: MemberNotFound,
  versioned: true,
  input: Type.Object({ organizationId: Uuid }),
  output: AttributesOfSubject,
  async run({ store }, { organizationId }) {
    const row = await store.attributes(organizationId, null);
    return toAttributes(organizationId, null, row);
  },
});
