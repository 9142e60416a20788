import { permission } from "#operation/declaration/authorization.ts";
import { Type, Uuid } from "#operation/declaration/schema.ts";
import { AttributesOfSubject, isMember } from "../attributes.ts";
import { MemberNotFound } from "../errors.ts";
import { access } from "../module.ts";

/** What the organization notes about a member. Version 0 where nothing is. */
export const getMemberAttributes = access.query("getMemberAttributes", {
  http: "GET /api/v1/iam/organizations/:organizationId/members/:userId/attributes",
  summary: "A member's attributes.",
  allow: permission("Organization.ReadAttributes"),
  audit: {
    action: "Member.AttributesRead",
    category: "DataAccess",
    severity: "Info",
    entity: "User",
    reading: "what is noted about somebody",
  },
  absent: MemberNotFound,
  versioned: true,
  input: Type.Object({ organizationId: Uuid, userId: Uuid }),
  output: AttributesOfSubject,
  errors: [MemberNotFound],
  async run({ store, fail }, { organizationId, userId }) {
    if (!(await isMember(store, userId, organizationId))) fail(MemberNotFound);
    const row = await store.attributes(organizationId, userId);
    return { organizationId, userId, attributes: row?.attributes ?? {}, version: row?.version ?? 0 } as never;
  },
});
