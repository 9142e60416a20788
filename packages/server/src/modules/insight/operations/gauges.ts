import type { TableGauge } from "#operation/declaration/module.ts";
import { removalNames } from "#platform/retention/ceiling.ts";
import { operationsStore } from "./store.ts";

export const stoppedRemovalGauge: TableGauge = {
  name: "gatehouse_removal_stopped",
  help: "1 where a removal waits for an operator, because more rows are due than one run may delete",
  label: "removal",
  async read(db) {
    const stopped = await operationsStore.reads(db).stoppedRemovals();
    return removalNames.map((name) => ({
      label: name,
      value: stopped.some((removal) => removal.name === name && removal.confirmedUntil === null) ? 1 : 0,
    }));
  },
};
