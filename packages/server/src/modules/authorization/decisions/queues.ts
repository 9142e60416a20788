import type { JobName } from "#platform/jobs/jobs.ts";

export interface Repair {
  readonly keys: readonly string[];
}

/** The queue keeps the name that it was released with: what an older release has enqueued is still worked off. */
export const repairJob: JobName<Repair> = { name: "decisions.repair-projection" };

export const pruneDecisionsJob: JobName<object> = { name: "decisions.prune-recorded" };
