import { operatorOnly } from "#operation/declaration/authorization.ts";
import { Type, Uuid } from "#operation/declaration/schema.ts";
import { OrganizationErasureStarted } from "../events.ts";
import { eraseOrganizationsJob } from "../jobs.ts";
import { tenancy } from "../module.ts";

/**
 * Erases an organization with all of its data (tenant.data.deletion.requested). From the answer on, every operation treats it as unknown
 * and checks in it deny. A job removes its data in batches (decision 0032). Users are not deleted: they belong to no organization. The event
 * log and the audit log retain ids. A repeated call answers `erased: false`.
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
