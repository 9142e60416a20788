import type { InternalDispatch } from "#operation/kernel/internal-dispatch.ts";
import { scheduledJob } from "#operation/kernel/scheduled-job.ts";
import type { Job, JobName } from "#platform/jobs/jobs.ts";
import { AddressRefusedError } from "#platform/network/guarded-fetch.ts";
import { NonRetryableError } from "#platform/non-retryable-error.ts";
import { backchannelLogoutJob } from "./backchannel-logout-job.ts";
import { pruneRegisteredClients } from "./commands/prune-registered-clients.ts";
import { pruneState } from "./commands/prune-state.ts";
import { sendBackchannelLogout } from "./commands/send-backchannel-logout.ts";
import type { EndedSession } from "./logout-token.ts";

/** Tells a client of an ended session. A client may be told twice, where its answer was lost. */
export const backchannelLogoutWork = (dispatch: InternalDispatch): Job<EndedSession> => ({
  ...backchannelLogoutJob,
  async handle(ended) {
    await dispatch(sendBackchannelLogout, ended).catch((error: unknown) => {
      throw error instanceof AddressRefusedError ? new NonRetryableError(error.message, error) : error;
    });
  },
});

export const pruneRegisteredClientsJob: JobName<object> = { name: "openid.prune-registered-clients" };

export const pruneRegisteredClientsWork = (dispatch: InternalDispatch): Job<object> =>
  scheduledJob(dispatch, { ...pruneRegisteredClientsJob, operation: pruneRegisteredClients, schedule: "47 3 * * *" });

export const pruneStateJob: JobName<object> = { name: "openid.prune-state" };

export const pruneStateWork = (dispatch: InternalDispatch): Job<object> =>
  scheduledJob(dispatch, { ...pruneStateJob, operation: pruneState, schedule: "*/10 * * * *" });
