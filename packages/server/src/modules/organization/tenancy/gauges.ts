import type { TableGauge } from "#operation/declaration/module.ts";
import { tenancyStore } from "./store.ts";

/** Organizations by status (business metrics). */
export const organizationGauge: TableGauge = {
  name: "gatehouse_organizations",
  help: "Organizations by status, estimated above 40,000. Erasing: those whose data is being deleted, which are counted as Suspended as well",
  label: "status",
  read: (db) => tenancyStore.reads(db).countByStatus(),
};

/** The age of the last batch of the slowest erasure. A batch takes less than a second, so minutes mean that the job has stopped. */
export const erasureGauge: TableGauge = {
  name: "gatehouse_organization_erasure_idle_seconds",
  help: "Seconds since the last batch of an organization's erasure, of the one that is idle for longest; 0 without an unfinished erasure",
  read: async (db) => [{ value: await tenancyStore.reads(db).erasureIdleSeconds() }],
};
