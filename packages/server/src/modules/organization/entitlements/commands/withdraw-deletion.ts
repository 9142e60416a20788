import { operatorOnly } from "#operation/declaration/authorization.ts";
import { Type, Uuid } from "#operation/declaration/schema.ts";
import { entitlements } from "../module.ts";

/** Deletes the request to delete an organization, which billing has withdrawn. */
export const withdrawDeletion = entitlements.command("withdrawDeletion", {
  summary: "Withdraw billing's request to delete an organization.",
  allow: operatorOnly(),
  audit: { action: "Organization.DeletionWithdrawn", category: "Security", severity: "Warning", entity: "Organization" },
  input: Type.Object({ organizationId: Uuid }),
  output: Type.Object({ withdrawn: Type.Boolean() }),
  async run({ store, audit }, { organizationId }) {
    audit({ entity: { type: "Organization", id: organizationId } });
    return { withdrawn: await store.withdrawDeletion(organizationId) };
  },
});
