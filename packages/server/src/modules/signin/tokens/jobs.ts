import type { InternalDispatch } from "#operation/kernel/internal-dispatch.ts";
import { scheduledJob } from "#operation/kernel/scheduled-job.ts";
import type { Job, JobName } from "#platform/jobs/jobs.ts";
import { pruneTokens } from "./commands/prune-tokens.ts";
import { rotateOldSigningKeys } from "./commands/rotate-old-signing-keys.ts";

export const pruneTokensJob: JobName<object> = { name: "tokens.prune" };
export const rotateOldSigningKeysJob: JobName<object> = { name: "tokens.rotate-old-signing-keys" };

export const pruneTokensWork = (dispatch: InternalDispatch): Job<object> =>
  scheduledJob(dispatch, { ...pruneTokensJob, operation: pruneTokens, schedule: "11 * * * *" });

/** Four times an hour: a change of the algorithm should not wait for longer than verifiers cache the key set. */
export const rotateOldSigningKeysWork = (dispatch: InternalDispatch): Job<object> =>
  scheduledJob(dispatch, { ...rotateOldSigningKeysJob, operation: rotateOldSigningKeys, schedule: "7,22,37,52 * * * *" });
