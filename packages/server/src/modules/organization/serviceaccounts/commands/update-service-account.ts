import { PermissionNotHeld, RoleNotFound } from "#modules/authorization/access/index.ts";
import { scoped } from "#operation/declaration/authorization.ts";
import { Description, Name, nullable, Type, Uuid } from "#operation/declaration/schema.ts";
import { requireVisible } from "#operation/declaration/visible-name.ts";
import { ServiceAccountNameTaken, ServiceAccountNotFound } from "../errors.ts";
import { ServiceAccountUpdated } from "../events.ts";
import { asStored, requireRolesHeld, rolesInScope } from "../give-roles.ts";
import { failTaken } from "../make-service-account.ts";
import { RoleIds, ServiceAccount, ServiceAccountStatus } from "../model.ts";
import { serviceaccounts } from "../module.ts";
import { representOne } from "../represent.ts";
import { tenantOfServiceAccount } from "../tenant-of-service-account.ts";

/**
 * Changes a service account's name, description, roles or status. `roleIds` replaces all roles. A suspended account is denied everything
 * from the answer on.
 */
export const updateServiceAccount = serviceaccounts.command("updateServiceAccount", {
  http: "PATCH /api/v1/service-accounts/:serviceAccountId",
  summary: "Update a service account: its name, description, roles or status.",
  allow: scoped({ tenant: "Organization.ManageServiceAccounts", internal: "ServiceAccount.Manage" }),
  audit: { action: "ServiceAccount.Updated", category: "Security", severity: "Warning", entity: "ServiceAccount" },
  absent: ServiceAccountNotFound,
  versioned: true,
  input: Type.Object(
    {
      serviceAccountId: Uuid,
      name: Type.Optional(Name),
      description: Type.Optional(nullable(Description)),
      roleIds: Type.Optional(RoleIds),
      status: Type.Optional(ServiceAccountStatus),
    },
    { minProperties: 2 },
  ),
  output: ServiceAccount,
  errors: [ServiceAccountNotFound, ServiceAccountNameTaken, RoleNotFound, PermissionNotHeld],
  tenant: tenantOfServiceAccount,
  async prepare(context, { serviceAccountId, roleIds, status }) {
    const wanted = roleIds && asStored(roleIds);
    // A name changes no permissions. Roles and the status do.
    if (wanted === undefined && status === undefined) return { wanted, held: undefined };
    const { organizationId, held } = await context.reading(async (store, uses) => {
      const row = (await store.serviceAccountById(serviceAccountId)) ?? context.fail(ServiceAccountNotFound);
      const roles = await uses.access.rolesOf([row.id], row.organization_id);
      return { organizationId: row.organization_id, held: roles.get(row.id) ?? [] };
    });
    await requireRolesHeld(context, organizationId, [...held, ...(wanted ?? [])]);
    return { wanted, held };
  },
  async run({ store, uses, emit, fail, audit, expectVersion, now }, { serviceAccountId, ...input }, { wanted, held }) {
    requireVisible(input.name);
    const before = (await store.lockServiceAccount(serviceAccountId)) ?? fail(ServiceAccountNotFound);
    expectVersion(before.version);
    const { id, organization_id: organizationId } = before;
    const roleIds = (await uses.access.rolesOf([id], organizationId)).get(id) ?? [];
    // The delegation check read the roles before the lock.
    if (held !== undefined && roleIds.some((role) => !held.includes(role))) fail(PermissionNotHeld, { field: "roleIds", rule: "changed" });
    if (wanted !== undefined) {
      await rolesInScope(uses.access, organizationId, wanted, fail);
      await uses.access.assignToService(id, organizationId, wanted);
    }
    const change = {
      name: input.name ?? before.name,
      description: input.description === undefined ? before.description : input.description,
      status: input.status ?? before.status,
    };
    const row = await store.updateServiceAccount(id, change, now).catch(failTaken);
    if (row.status !== before.status) await uses.access.setServiceStatus(id, organizationId, row.status);
    const after = wanted ?? roleIds;
    audit({
      before: { name: before.name, description: before.description, status: before.status, roleIds },
      after: { ...change, roleIds: after },
    });
    emit(ServiceAccountUpdated, { serviceAccountId: id, organizationId, name: row.name, status: row.status, roleIds: [...after] });
    return representOne(uses.access, row);
  },
});
