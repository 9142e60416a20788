import type { TableGauge } from "#operation/module.ts";
import type { Backlog } from "#platform/backlog.ts";
import { entryConsumer } from "./dead-entry-store.ts";
import { auditStore } from "./store.ts";

/** How long the oldest entry has been waiting for its place in a chain. */
export const lagGauge: TableGauge = {
  name: "gatehouse_audit_lag_seconds",
  help: "Age of the oldest audit entry that is not sealed into its chain yet",
  read: async (db) => [{ value: await auditStore.reads(db).secondsUnsealed() }],
};

/** What waits for the sealer. */
export const sealingBacklog: Backlog = {
  async read(db) {
    const reads = auditStore.reads(db);
    return [{ queue: entryConsumer, waitingSeconds: await reads.secondsUnsealed(), idleSeconds: await reads.secondsSinceSealed() }];
  },
};
