import type { DeadLetters } from "#platform/dead-letters.ts";
import { recordDeadLetters } from "#platform/dead-letters.ts";
import type { Platform } from "#platform/platform.ts";
import { repairJob } from "../queues.ts";
import { entriesConsumer } from "./names.ts";

/** Projection entries that could not be computed. Redriving one computes it again in the repair job. */
export const entryDeadLetters = ({ database, jobs }: Platform): DeadLetters =>
  recordDeadLetters(database, entriesConsumer, (tx, keys) => jobs.enqueue(tx, repairJob, { keys }));
