import { permission } from "#operation/declaration/authorization.ts";
import { QuotaExceeded } from "#operation/declaration/errors.ts";
import { isIdentified } from "#operation/declaration/principal.ts";
import { Type, Uuid } from "#operation/declaration/schema.ts";
import { requireWithinQuota } from "#operation/kernel/quota.ts";
import { AttributesOfSubject, AttributeValues, assertNoEscalation, checkAttributes } from "../attributes.ts";
import { HoldersAbove, MemberNotFound, PermissionNotHeld } from "../errors.ts";
import { AttributesSet } from "../events.ts";
import { access } from "../module.ts";
import { bytesOf } from "../policy-store.ts";
import { assertCanRevokeByAttributes } from "../revocation-check.ts";

/** Replaces the organization's attributes: `$tenant` in conditions. */
export const setOrganizationAttributes = access.command("setOrganizationAttributes", {
  http: "PUT /api/v1/iam/organizations/:organizationId/attributes",
  summary: "Replace the organization's attributes.",
  allow: permission("Organization.ManageAttributes"),
  audit: { action: "Organization.AttributesSet", category: "Security", severity: "Warning", entity: "Organization" },
  absent: MemberNotFound,
  versioned: true,
  input: Type.Object({ organizationId: Uuid, attributes: AttributeValues }),
  output: AttributesOfSubject,
  errors: [PermissionNotHeld, HoldersAbove, QuotaExceeded],
  async prepare(context, { organizationId }) {
    const { principal } = context;
    if (isIdentified(principal)) await assertNoEscalation(context, "$tenant.", principal.id, organizationId);
    await assertCanRevokeByAttributes(context, organizationId, null);
  },
  async run({ store, emit, audit, expectVersion, now, services }, { organizationId, attributes }) {
    checkAttributes((await store.currentModel()).document, "tenant", attributes);
    const before = await store.attributes(organizationId, null);
    expectVersion(before?.version ?? 0);
    audit({ before: before?.attributes ?? {}, after: attributes });
    const bytes = (await store.otherAttributeBytes(organizationId, null)) + bytesOf(attributes);
    requireWithinQuota("attributeBytes", bytes, services.settings.quotas.attributeBytes);
    const version = await store.setAttributes(organizationId, null, attributes, now);
    emit(AttributesSet, { organizationId, userId: null, names: Object.keys(attributes) });
    return { organizationId, userId: null, attributes, version };
  },
});
