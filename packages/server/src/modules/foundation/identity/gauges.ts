import type { TableGauge } from "#operation/declaration/module.ts";
import { identityStore } from "./store.ts";

/** Counts users by status, a business metric. */
export const userGauge: TableGauge = {
  name: "gatehouse_users",
  help: "Users by status (active users count, estimated beyond 40,000)",
  label: "status",
  read: (db) => identityStore.reads(db).countByStatus(),
};
