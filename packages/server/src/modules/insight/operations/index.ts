import type { ModuleManifest } from "#operation/declaration/module.ts";
import { confirmRemoval } from "./commands/confirm-removal.ts";
import { dropDeadLetter } from "./commands/drop-dead-letter.ts";
import { redriveDeadLetters } from "./commands/redrive-dead-letters.ts";
import { stoppedRemovalGauge } from "./gauges.ts";
import { operations } from "./module.ts";
import { getStatus } from "./queries/get-status.ts";
import { listDeadLetters } from "./queries/list-dead-letters.ts";
import { listStoppedRemovals } from "./queries/list-stopped-removals.ts";

export { brokerConsumers, recordQueueNames } from "./dead-letter-ports.ts";
export { confirmRemoval, dropDeadLetter, getStatus, listDeadLetters, listStoppedRemovals, operations, redriveDeadLetters };

export const manifest: ModuleManifest = {
  module: operations,
  operations: [getStatus, listDeadLetters, redriveDeadLetters, dropDeadLetter, listStoppedRemovals, confirmRemoval],
  gauges: [stoppedRemovalGauge],
  events: [],
  steps: [],
};
