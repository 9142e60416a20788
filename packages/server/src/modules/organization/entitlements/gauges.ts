import type { TableGauge } from "#operation/declaration/module.ts";
import { entitlementsStore } from "./store.ts";

export const deletionGauge: TableGauge = {
  name: "gatehouse_billing_deletions_waiting",
  help: "Organizations whose deletion billing has requested and whose delay has not expired",
  read: async (db) => [{ value: await entitlementsStore.reads(db).countDeletions() }],
};
