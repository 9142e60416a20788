import type { JobName } from "#platform/jobs/jobs.ts";

export interface Repair {
  readonly keys: readonly string[];
}

export const repairJob: JobName<Repair> = { name: "decisions.repair-projection" };

export const pruneDecisionsJob: JobName<object> = { name: "decisions.prune-recorded" };
