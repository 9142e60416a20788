import { PermissionNotHeld } from "#modules/authorization/access/index.ts";
import { scoped } from "#operation/declaration/authorization.ts";
import { Nothing, Type, Uuid } from "#operation/declaration/schema.ts";
import { ServiceAccountNotFound } from "../errors.ts";
import { ServiceAccountDeleted } from "../events.ts";
import { requireRolesHeld } from "../give-roles.ts";
import { serviceaccounts } from "../module.ts";
import { tenantOfServiceAccount } from "../tenant-of-service-account.ts";

/** Deletes a service account with its roles and grants. */
export const deleteServiceAccount = serviceaccounts.command("deleteServiceAccount", {
  http: "DELETE /api/v1/service-accounts/:serviceAccountId",
  summary: "Delete a service account.",
  allow: scoped({ tenant: "Organization.ManageServiceAccounts", internal: "ServiceAccount.Manage" }),
  audit: { action: "ServiceAccount.Deleted", category: "Security", severity: "Warning", entity: "ServiceAccount" },
  absent: ServiceAccountNotFound,
  versioned: true,
  input: Type.Object({ serviceAccountId: Uuid }),
  output: Nothing,
  errors: [ServiceAccountNotFound, PermissionNotHeld],
  tenant: tenantOfServiceAccount,
  inBatches: "tens of thousands of grants may name the service account",
  async prepare(context, { serviceAccountId }) {
    const { organizationId, held } = await context.reading(async (store, uses) => {
      const row = (await store.serviceAccountById(serviceAccountId)) ?? context.fail(ServiceAccountNotFound);
      const roles = await uses.access.rolesOf([row.id], row.organization_id);
      return { organizationId: row.organization_id, held: roles.get(row.id) ?? [] };
    });
    await requireRolesHeld(context, organizationId, held);
    return held;
  },
  async run({ store, uses, emit, fail, audit, expectVersion, more }, { serviceAccountId }, held) {
    const row = (await store.lockServiceAccount(serviceAccountId)) ?? fail(ServiceAccountNotFound);
    expectVersion(row.version);
    const { id, organization_id: organizationId, name, description, status } = row;
    const roleIds = (await uses.access.rolesOf([id], organizationId)).get(id) ?? [];
    // The delegation check read the roles before the lock.
    if (roleIds.some((role) => !held.includes(role))) fail(PermissionNotHeld, { field: "roleIds", rule: "changed" });
    audit({ before: { name, description, status, roleIds }, after: null });
    if (await uses.access.revokeSomeOf(id, organizationId, "service")) {
      more();
      return null;
    }
    await uses.access.removeService(id, organizationId);
    await store.deleteServiceAccount(id);
    emit(ServiceAccountDeleted, { serviceAccountId: id, organizationId });
    return null;
  },
});
