import { access } from "#modules/authorization/access/index.ts";
import { decisions } from "#modules/authorization/decisions/index.ts";
import { identity } from "#modules/foundation/identity/index.ts";
import { notifications } from "#modules/foundation/notifications/index.ts";
import { module } from "#operation/module.ts";
import { OrganizationStatusChanged } from "./events.ts";
import type { OrganizationStatus } from "./model.ts";
import { tenancyStore } from "./store.ts";

/** Organizations, who belongs to them, and how one comes to belong (S3 §6.1, §8.2). */
export const tenancy = module("tenancy", {
  store: tenancyStore,
  uses: { access, decisions, identity, notifications },
  readApi: ({ store }) => ({
    async isMember(userId: string, organizationId: string): Promise<boolean> {
      return (await store.membershipOf(userId, organizationId)) !== undefined;
    },
    async organizationStatus(organizationId: string) {
      return (await store.organizationById(organizationId))?.status;
    },
    /** A page of organizations in the order of their ids. */
    async organizationsAfter(after: string | undefined, limit: number) {
      return (await store.organizationPage({ after, limit })).map(({ id, status }) => ({ id, status }));
    },
    /** How many organizations there are, and how many were erased within the last hours. */
    organizationCounts: (erasedWithinHours: number) => store.organizationCounts(erasedWithinHours),
    isErased: (organizationId: string): Promise<boolean> => store.isErased(organizationId),
  }),
  writeApi: ({ store, uses, emit, now }) => ({
    /** Suspends an organization or makes it active, with everything that depends on it. */
    async setStatus(organizationId: string, status: OrganizationStatus): Promise<void> {
      const row = await store.lockOrganization(organizationId);
      if (row === undefined || row.status === status) return;
      const { name, slug, country, logo_asset_id } = row;
      await store.updateOrganization(organizationId, { name, slug, country, logo_asset_id, status }, now);
      await uses.access.setTenantStatus(organizationId, status);
      emit(OrganizationStatusChanged, { organizationId, status });
    },
  }),
});
