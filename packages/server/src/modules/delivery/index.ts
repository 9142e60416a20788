import type { Context } from "../../operation/module.ts";
import { dropDeadLetter } from "./commands/drop-dead-letter.ts";
import { redriveDeadLetters } from "./commands/redrive-dead-letters.ts";
import { delivery } from "./module.ts";
import { getStatus } from "./queries/get-status.ts";
import { listDeadLetters } from "./queries/list-dead-letters.ts";

export { delivery };

export const context: Context = {
  module: delivery,
  operations: [getStatus, listDeadLetters, redriveDeadLetters, dropDeadLetter],
  events: [],
  steps: [],
};
