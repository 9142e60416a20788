import type { TableGauge } from "../../operation/module.ts";
import { tenancyStore } from "./store.ts";

/** Organizations by status (S3 §16.1, business metrics). */
export const organizationGauge: TableGauge = {
  name: "gatehouse_organizations",
  help: "Organizations by status (S3 §16.1, active organizations count, estimated beyond 40,000)",
  label: "status",
  read: (db) => tenancyStore.reads(db).countByStatus(),
};
