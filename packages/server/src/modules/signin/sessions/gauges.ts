import type { TableGauge } from "#operation/declaration/module.ts";
import { sessionStore } from "./store.ts";

/** Sessions that have not expired (business metrics). */
export const sessionGauge: TableGauge = {
  name: "gatehouse_sessions",
  help: "Sessions that have not expired (session count, estimated above 40,000)",
  read: async (db) => [{ value: await sessionStore.reads(db).countLive(new Date()) }],
};
