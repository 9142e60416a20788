import type { TableGauge } from "../../operation/module.ts";
import { auditStore } from "./store.ts";

/** How long the oldest entry has been waiting for its place in a chain. */
export const lagGauge: TableGauge = {
  name: "gatehouse_audit_lag_seconds",
  help: "Age of the oldest audit entry that is not sealed into its chain yet",
  read: async (db) => [{ value: await auditStore.reads(db).secondsUnsealed() }],
};
