import type { TableGauge } from "#operation/declaration/module.ts";
import { entitlementsStore } from "./store.ts";

export const deletionGauge: TableGauge = {
  name: "gatehouse_billing_deletions_waiting",
  help: "Organizations that billing wants deleted and that are still there, until their delay is over",
  read: async (db) => [{ value: await entitlementsStore.reads(db).countDeletions() }],
};
