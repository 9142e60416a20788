import type { InternalDispatch } from "#operation/kernel/internal-dispatch.ts";
import { scheduledJob } from "#operation/kernel/scheduled-job.ts";
import type { Job, JobName } from "#platform/jobs/jobs.ts";
import { pruneApiKeys } from "./commands/prune-api-keys.ts";

export const pruneApiKeysJob: JobName<object> = { name: "apikeys.prune" };

export const pruneApiKeysWork = (dispatch: InternalDispatch): Job<object> =>
  scheduledJob(dispatch, { ...pruneApiKeysJob, operation: pruneApiKeys, schedule: "17 * * * *" });
