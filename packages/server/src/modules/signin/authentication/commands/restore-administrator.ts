import { Membership, UserUnknown } from "#modules/organization/tenancy/index.ts";
import { operatorOnly } from "#operation/declaration/authorization.ts";
import { Email, Type } from "#operation/declaration/schema.ts";
import { authentication } from "../module.ts";

/** Makes a user an active internal administrator, whatever their status and roles (`gatehouse user restore`). */
export const restoreAdministrator = authentication.command("restoreAdministrator", {
  summary: "Make a user an active internal administrator, and nothing else there.",
  allow: operatorOnly(),
  audit: { action: "InternalMember.Restored", category: "Security", severity: "Critical", entity: "User" },
  input: Type.Object({ email: Email }),
  output: Membership,
  errors: [UserUnknown],
  everyTenant: "the user belongs to no tenant, the administrator to the internal scope",
  async run({ store, uses, audit }, { email }) {
    const membership = await uses.tenancy.restoreAdministrator(email);
    // The set-up link is only for an installation without an administrator.
    await store.closeSetUp();
    audit({ entity: { type: "User", id: membership.userId }, after: { roleIds: [membership.roleId] } });
    return membership;
  },
});
