import { operatorOnly } from "#operation/declaration/authorization.ts";
import { Email, Type, Uuid } from "#operation/declaration/schema.ts";
import { OrganizationNotFound, UserUnknown } from "../errors.ts";
import { Membership } from "../model.ts";
import { tenancy } from "../module.ts";
import { representMember } from "../represent.ts";
import { restoreHolder } from "../restore-holder.ts";

/** Makes a user an active owner of an organization, also a non-member (`gatehouse organization restore`). */
export const restoreOwner = tenancy.command("restoreOwner", {
  summary: "Make a user an active owner of an organization, and nothing else there.",
  allow: operatorOnly(),
  audit: { action: "Member.OwnerRestored", category: "Security", severity: "Critical", entity: "Membership" },
  input: Type.Object({ organizationId: Uuid, email: Email }),
  output: Membership,
  errors: [OrganizationNotFound, UserUnknown],
  async run(context, { organizationId, email }) {
    const { store, uses, audit, fail } = context;
    if ((await store.lockOrganization(organizationId)) === undefined) fail(OrganizationNotFound);
    const role = (await uses.access.ownerRoleOf(organizationId)) as string;
    const row = await restoreHolder(context, email, organizationId, role);
    audit({ entity: { type: "Membership", id: row.id }, after: { userId: row.user_id, roleIds: [role] } });
    return representMember(uses.access, row);
  },
});
