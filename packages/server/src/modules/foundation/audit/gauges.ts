import type { TableGauge } from "#operation/declaration/module.ts";
import type { Backlog } from "#platform/backlog.ts";
import { entryConsumer } from "./dead-entry-store.ts";
import { auditStore } from "./store.ts";

/** How long the oldest entry has waited for its chain. */
export const lagGauge: TableGauge = {
  name: "gatehouse_audit_lag_seconds",
  help: "Age of the oldest audit entry that is not in its chain yet",
  read: async (db) => [{ value: await auditStore.reads(db).secondsPending() }],
};

/** The backlog of the chain appender. */
export const appendBacklog: Backlog = {
  async read(db) {
    const reads = auditStore.reads(db);
    return [{ queue: entryConsumer, waitingSeconds: await reads.secondsPending(), idleSeconds: await reads.secondsSinceAppended() }];
  },
};
