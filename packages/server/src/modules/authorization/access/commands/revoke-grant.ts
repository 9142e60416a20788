import { scoped } from "#operation/declaration/authorization.ts";
import { Nothing, Type, Uuid } from "#operation/declaration/schema.ts";
import { GrantNotFound, PermissionNotHeld } from "../errors.ts";
import { GrantRevoked } from "../events.ts";
import { assertCanDelegate } from "../grant-rules.ts";
import { toGrant } from "../grant-store.ts";
import { tenantOfGrant } from "../grant-tenant.ts";
import { access } from "../module.ts";
import { grantEventData } from "../revoke-subject.ts";

/** Deletes one grant. */
export const revokeGrant = access.command("revokeGrant", {
  http: "DELETE /api/v1/iam/grants/:grantId",
  summary: "Revoke a grant.",
  allow: scoped({ tenant: "Organization.ManageGrants", internal: "InternalRole.Manage" }),
  audit: { action: "Grant.Revoked", category: "Security", severity: "Warning", entity: "Grant" },
  absent: GrantNotFound,
  versioned: true,
  input: Type.Object({ grantId: Uuid }),
  output: Nothing,
  errors: [GrantNotFound, PermissionNotHeld],
  tenant: tenantOfGrant,
  async prepare(context, { grantId }) {
    const row = (await context.reading((store) => store.grantById(grantId))) ?? context.fail(GrantNotFound);
    await assertCanDelegate(context, row.organization_id, { type: row.resource_type, relation: row.relation }, "takes");
  },
  async run({ store, emit, fail, audit, expectVersion, now }, { grantId }) {
    const row = (await store.lockGrant(grantId)) ?? fail(GrantNotFound);
    expectVersion(row.version);
    await store.removeGrant(row.id);
    audit({ before: toGrant(row, now), after: null });
    emit(GrantRevoked, grantEventData(row));
    return null;
  },
});
