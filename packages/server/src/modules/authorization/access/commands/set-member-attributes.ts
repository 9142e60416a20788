import { permission } from "#operation/declaration/authorization.ts";
import { QuotaExceeded } from "#operation/declaration/errors.ts";
import { isIdentified } from "#operation/declaration/principal.ts";
import { Type, Uuid } from "#operation/declaration/schema.ts";
import { requireWithinQuota } from "#operation/kernel/quota.ts";
import { AttributesOfSubject, assertNoEscalation, checkAttributes, isMember, PersonAttributes } from "../attributes.ts";
import { HoldersAbove, MemberNotFound, PermissionNotHeld } from "../errors.ts";
import { AttributesSet } from "../events.ts";
import { access } from "../module.ts";
import { bytesOf } from "../policy-store.ts";
import { assertCanRevokeByAttributes } from "../revocation-check.ts";

/**
 * Replaces a member's attributes in the organization: `$user` in conditions, such as the class of a teacher. Callers cannot gain
 * permissions by it.
 */
export const setMemberAttributes = access.command("setMemberAttributes", {
  http: "PUT /api/v1/iam/organizations/:organizationId/members/:userId/attributes",
  summary: "Replace a member's attributes.",
  allow: permission("Organization.ManageAttributes"),
  audit: { action: "Member.AttributesSet", category: "Security", severity: "Warning", entity: "User" },
  absent: MemberNotFound,
  versioned: true,
  input: Type.Object({ organizationId: Uuid, userId: Uuid, attributes: PersonAttributes }),
  output: AttributesOfSubject,
  errors: [MemberNotFound, PermissionNotHeld, HoldersAbove, QuotaExceeded],
  async prepare(context, { organizationId, userId }) {
    const { principal } = context;
    if (isIdentified(principal) && principal.id === userId) await assertNoEscalation(context, "$user.", userId, organizationId);
    await assertCanRevokeByAttributes(context, organizationId, userId);
  },
  async run({ store, emit, fail, audit, expectVersion, now, services }, { organizationId, userId, attributes }) {
    if (!(await isMember(store, userId, organizationId))) fail(MemberNotFound);
    checkAttributes((await store.currentModel()).document, "user", attributes);
    const before = await store.attributes(organizationId, userId);
    expectVersion(before?.version ?? 0);
    audit({ entity: { type: "User", id: userId }, personalBefore: { attributes: before?.attributes ?? {} } });
    const bytes = (await store.otherAttributeBytes(organizationId, userId)) + bytesOf(attributes);
    requireWithinQuota("attributeBytes", bytes, services.settings.quotas.attributeBytes);
    const version = await store.setAttributes(organizationId, userId, attributes, now);
    emit(AttributesSet, { organizationId, userId, names: Object.keys(attributes) });
    return { organizationId, userId, attributes, version };
  },
});
