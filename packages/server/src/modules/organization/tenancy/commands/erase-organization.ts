import { operatorOnly } from "#operation/declaration/authorization.ts";
import { Type, Uuid } from "#operation/declaration/schema.ts";
import { OrganizationErasureStarted } from "../events.ts";
import { eraseOrganizationsJob } from "../jobs.ts";
import { tenancy } from "../module.ts";

/**
 * Erases an organization with everything that is kept under it (tenant.data.deletion.requested). From the answer on it is
 * unknown to every operation, and checks in it deny. A job removes its data in batches (decision 0032). People stay, as they belong to no
 * organization; of the log and the trail the ids stay. A repetition finds nothing and says so.
 */
export const eraseOrganization = tenancy.command("eraseOrganization", {
  summary: "Erase an organization and all of its data.",
  allow: operatorOnly(),
  audit: { action: "Organization.Erased", category: "Security", severity: "Critical", entity: "Organization" },
  input: Type.Object({ organizationId: Uuid }),
  output: Type.Object({ erased: Type.Boolean() }),
  async run({ store, uses, emit, audit, enqueue, now }, { organizationId }) {
    audit({ entity: { type: "Organization", id: organizationId } });
    if ((await store.lockOrganization(organizationId)) === undefined) return { erased: false };
    await store.beginErasure(organizationId, now);
    await uses.access.setTenantStatus(organizationId, "Erasing");
    emit(OrganizationErasureStarted, { organizationId });
    await enqueue(eraseOrganizationsJob, {});
    return { erased: true };
  },
});
