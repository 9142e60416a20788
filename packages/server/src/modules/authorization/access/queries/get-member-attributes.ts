import { permission } from "#operation/declaration/authorization.ts";
import { Type, Uuid } from "#operation/declaration/schema.ts";
import { AttributesOfSubject, isMember, toAttributes } from "../attributes.ts";
import { MemberNotFound } from "../errors.ts";
import { access } from "../module.ts";

/** Returns a member's attributes; version 0 if none were set. */
export const getMemberAttributes = access.query("getMemberAttributes", {
  http: "GET /api/v1/iam/organizations/:organizationId/members/:userId/attributes",
  summary: "A member's attributes.",
  allow: permission("Organization.ReadAttributes"),
  audit: {
    action: "Member.AttributesRead",
    category: "DataAccess",
    severity: "Info",
    entity: "User",
    reading: "personal attributes of a member",
  },
  absent: MemberNotFound,
  versioned: true,
  input: Type.Object({ organizationId: Uuid, userId: Uuid }),
  output: AttributesOfSubject,
  errors: [MemberNotFound],
  async run({ store, fail }, { organizationId, userId }) {
    if (!(await isMember(store, userId, organizationId))) fail(MemberNotFound);
    const row = await store.attributes(organizationId, userId);
    return toAttributes(organizationId, userId, row);
  },
});
