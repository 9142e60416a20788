import { PermissionNotHeld, RoleNotFound } from "#modules/authorization/access/index.ts";
import { scoped } from "#operation/declaration/authorization.ts";
import { QuotaExceeded } from "#operation/declaration/errors.ts";
import { Description, Name, nullable, Type, Uuid } from "#operation/declaration/schema.ts";
import { requireVisible } from "#operation/declaration/visible-name.ts";
import { ServiceAccountNameTaken, ServiceAccountNotFound } from "../errors.ts";
import { asStored, requireRolesHeld, rolesInScope } from "../give-roles.ts";
import { makeServiceAccount } from "../make-service-account.ts";
import { RoleIds, ServiceAccount } from "../model.ts";
import { serviceaccounts } from "../module.ts";
import { representOne } from "../represent.ts";

/** Creates a service account with roles, in an organization or in the internal scope (null). */
export const createServiceAccount = serviceaccounts.command("createServiceAccount", {
  http: "POST /api/v1/service-accounts",
  summary: "Create a service account.",
  allow: scoped({ tenant: "Organization.ManageServiceAccounts", internal: "ServiceAccount.Manage" }),
  audit: { action: "ServiceAccount.Created", category: "Security", severity: "Warning", entity: "ServiceAccount" },
  absent: ServiceAccountNotFound,
  status: 201,
  versioned: true,
  input: Type.Object({
    organizationId: nullable(Uuid),
    name: Name,
    description: Type.Optional(nullable(Description)),
    roleIds: RoleIds,
  }),
  output: ServiceAccount,
  errors: [ServiceAccountNameTaken, RoleNotFound, PermissionNotHeld, QuotaExceeded],
  async prepare(context, { organizationId, roleIds }) {
    const wanted = asStored(roleIds);
    await requireRolesHeld(context, organizationId, wanted);
    return wanted;
  },
  async run(context, { organizationId, name, description = null }, roleIds) {
    const { uses, principal, fail, audit } = context;
    requireVisible(name);
    await rolesInScope(uses.access, organizationId, roleIds, fail);
    const createdBy = principal.kind === "user" ? principal.id : null;
    const row = await makeServiceAccount(context, { organizationId, name, description, roleIds, createdBy });
    audit({ before: null, after: { name, description, roleIds } });
    return representOne(uses.access, row);
  },
});
