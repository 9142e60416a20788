import { permission } from "#operation/declaration/authorization.ts";
import { Type, Uuid } from "#operation/declaration/schema.ts";
import { AttributesOfSubject } from "../attributes.ts";
import { MemberNotFound } from "../errors.ts";
import { access } from "../module.ts";

/** What is noted about the organization itself. Version 0 where nothing is. */
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
    return { organizationId, userId: null, attributes: row?.attributes ?? {}, version: row?.version ?? 0 } as never;
  },
});
