import type { TableGauge } from "#operation/declaration/module.ts";
import { tenancyStore } from "./store.ts";

/** Organizations by status (business metrics). */
export const organizationGauge: TableGauge = {
  name: "gatehouse_organizations",
  help: "Organizations by status, estimated beyond 40,000; Erasing, which are Suspended as well, while their data are being removed",
  label: "status",
  read: (db) => tenancyStore.reads(db).countByStatus(),
};

/** How long the erasure has stood that has stood for longest: a batch takes less than a second, so more than minutes is a fault. */
export const erasureGauge: TableGauge = {
  name: "gatehouse_organization_erasure_idle_seconds",
  help: "Seconds since the last batch of the unfinished erasure of an organization that has stood for longest; 0 where none is under way",
  read: async (db) => [{ value: await tenancyStore.reads(db).secondsErasureStands() }],
};
