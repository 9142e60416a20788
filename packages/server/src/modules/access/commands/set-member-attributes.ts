import { permission } from "../../../operation/authorization.ts";
import { Type, Uuid } from "../../../operation/schema.ts";
import { AttributesOfSubject, AttributeValues, checkAttributes, mustNotRise } from "../attributes.ts";
import { MemberNotFound, NotHeld } from "../errors.ts";
import { AttributesSet } from "../events.ts";
import { access } from "../module.ts";

/**
 * Replaces what the organization notes about a member: `$user` in conditions, such as the class of a teacher (S4 §8.4). Nobody
 * rises by it himself.
 */
export const setMemberAttributes = access.command("setMemberAttributes", {
  http: "PUT /api/v1/iam/organizations/:organizationId/members/:userId/attributes",
  summary: "Replace a member's attributes.",
  allow: permission("Organization.ManageAttributes"),
  absent: MemberNotFound,
  versioned: true,
  input: Type.Object({ organizationId: Uuid, userId: Uuid, attributes: AttributeValues }),
  output: AttributesOfSubject,
  errors: [MemberNotFound, NotHeld],
  async prepare(context, { organizationId, userId }) {
    const { caller } = context;
    if (caller.kind === "user" && caller.userId === userId) await mustNotRise(context, "$user.", userId, organizationId);
  },
  async run({ store, emit, fail, expectVersion, now }, { organizationId, userId, attributes }) {
    if (!(await store.assignments([userId], organizationId)).has(userId)) fail(MemberNotFound);
    checkAttributes((await store.currentModel()).document, "user", attributes);
    expectVersion((await store.attributes(organizationId, userId))?.version ?? 0);
    const version = await store.setAttributes(organizationId, userId, attributes, now);
    emit(AttributesSet, { organizationId, userId, names: Object.keys(attributes) });
    return { organizationId, userId, attributes, version };
  },
});
