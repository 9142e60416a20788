import type { TableGauge } from "#operation/declaration/module.ts";
import { removalNames } from "#platform/retention/ceiling.ts";
import { operationsStore } from "./store.ts";

export const stoppedRemovalGauge: TableGauge = {
  name: "gatehouse_removal_stopped",
  help: "1 where a removal waits for an operator, because more is due at once than one run may take",
  label: "removal",
  async read(db) {
    const stopped = await operationsStore.reads(db).stoppedRemovals();
    return removalNames.map((name) => ({
      label: name,
      value: stopped.some((each) => each.name === name && each.confirmedUntil === null) ? 1 : 0,
    }));
  },
};
