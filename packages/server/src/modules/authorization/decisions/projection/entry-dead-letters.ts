import type { DeadLetters } from "#platform/dead-letters.ts";
import { recordDeadLetters } from "#platform/dead-letters.ts";
import type { Platform } from "#platform/platform.ts";
import { repairJob } from "../queues.ts";
import { entriesConsumer } from "./names.ts";

/** Dead letters of projection entries that could not be computed. A redrive recomputes the entry in the repair job. */
export const entryDeadLetters = ({ database, jobs }: Platform): DeadLetters =>
  recordDeadLetters(database, entriesConsumer, (tx, keys) => jobs.enqueue(tx, repairJob, { keys }));
