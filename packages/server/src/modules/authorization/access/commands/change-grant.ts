import { scoped } from "#operation/declaration/authorization.ts";
import { invalid } from "#operation/declaration/errors.ts";
import { nullable, Timestamp, Type, Uuid } from "#operation/declaration/schema.ts";
import { checkConditionUnderLock } from "../check-condition.ts";
import { GrantNotFound, HoldersAbove, PermissionNotHeld } from "../errors.ts";
import { GrantChanged } from "../events.ts";
import { assertCanDelegate } from "../grant-rules.ts";
import { toGrant } from "../grant-store.ts";
import { tenantOfGrant } from "../grant-tenant.ts";
import { ConditionInput, Grant } from "../model.ts";
import { access } from "../module.ts";
import { assertCanRevokeByGrant } from "../revocation-check.ts";
import { grantEventData } from "../revoke-subject.ts";

/** Changes a grant's expiry and condition in place, so that access is not interrupted. */
export const changeGrant = access.command("changeGrant", {
  http: "PUT /api/v1/iam/grants/:grantId",
  summary: "Change a grant's expiry and condition.",
  allow: scoped({ tenant: "Organization.ManageGrants", internal: "InternalRole.Manage" }),
  audit: { action: "Grant.Changed", category: "Security", severity: "Warning", entity: "Grant" },
  absent: GrantNotFound,
  versioned: true,
  input: Type.Object({ grantId: Uuid, condition: nullable(ConditionInput), expiresAt: nullable(Timestamp) }),
  output: Grant,
  errors: [GrantNotFound, PermissionNotHeld, HoldersAbove],
  tenant: tenantOfGrant,
  async prepare(context, { grantId }) {
    const row = (await context.reading((store) => store.grantById(grantId))) ?? context.fail(GrantNotFound);
    const about = { type: row.resource_type, relation: row.relation };
    await assertCanDelegate(context, row.organization_id, about, "gives");
    await assertCanDelegate(context, row.organization_id, about, "takes");
    await assertCanRevokeByGrant(context, row.organization_id, { ...about, subject: { type: row.subject_type, id: row.subject_id } });
  },
  async run({ store, emit, fail, audit, expectVersion, now }, { grantId, condition, expiresAt }) {
    const row = (await store.lockGrant(grantId)) ?? fail(GrantNotFound);
    expectVersion(row.version);
    const expires = expiresAt === null ? null : new Date(expiresAt);
    if (expires && expires <= now) throw invalid({ field: "expiresAt", rule: "future", message: "is not in the future" });
    await checkConditionUnderLock(store, condition);
    const updated = await store.updateGrant(row.id, { condition, expiresAt: expires });
    audit({ before: toGrant(row, now), after: toGrant(updated, now) });
    emit(GrantChanged, grantEventData(updated));
    return toGrant(updated, now);
  },
});
