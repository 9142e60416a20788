import type { InternalDispatch } from "#operation/kernel/internal-dispatch.ts";
import { backgroundOrigin } from "#operation/kernel/scheduled.ts";
import { scheduledJob } from "#operation/kernel/scheduled-job.ts";
import type { Job, JobName } from "#platform/jobs/jobs.ts";
import { pruneTokens } from "./commands/prune-tokens.ts";
import { startConfirmation } from "./commands/start-confirmation.ts";
import { startPasswordReset } from "./commands/start-password-reset.ts";

export interface MailRequest {
  readonly email: string;
  readonly requestId: string;
  readonly traceId: string;
}

export const startConfirmationJob: JobName<MailRequest> = { name: "authentication.start-confirmation" };

/** Mails a confirmation link outside of the request, so that the response time does not disclose whether the address is known. */
export const startConfirmationWork = (dispatch: InternalDispatch): Job<MailRequest> => ({
  ...startConfirmationJob,
  async handle({ email, requestId, traceId }) {
    await dispatch(startConfirmation, { email }, { origin: backgroundOrigin({ requestId, traceId }) });
  },
});

export const startPasswordResetJob: JobName<MailRequest> = { name: "authentication.start-password-reset" };

/** Mails a reset link outside of the request, so that the response time does not disclose whether the address is known. */
export const startPasswordResetWork = (dispatch: InternalDispatch): Job<MailRequest> => ({
  ...startPasswordResetJob,
  async handle({ email, requestId, traceId }) {
    await dispatch(startPasswordReset, { email }, { origin: backgroundOrigin({ requestId, traceId }) });
  },
});

export const pruneTokensJob: JobName<object> = { name: "authentication.prune-tokens" };

export const pruneTokensWork = (dispatch: InternalDispatch): Job<object> =>
  scheduledJob(dispatch, { ...pruneTokensJob, operation: pruneTokens, schedule: "41 * * * *" });
