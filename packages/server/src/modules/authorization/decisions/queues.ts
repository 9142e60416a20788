import type { JobName } from "#platform/jobs/jobs.ts";

export interface Repair {
  readonly keys: readonly string[];
}

/** The queue has its released name, so that jobs of an older release are still handled. */
export const repairJob: JobName<Repair> = { name: "access.repair-read-model" };

export const pruneDecisionsJob: JobName<object> = { name: "access.forget-old-decisions" };
