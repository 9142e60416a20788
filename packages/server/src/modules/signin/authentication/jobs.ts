import { system } from "#operation/caller.ts";
import type { Dispatch } from "#operation/dispatch.ts";
import { backgroundOrigin, untilNoneIsLeft } from "#operation/scheduled.ts";
import type { Job, JobName } from "#platform/jobs/jobs.ts";

export interface AddressedMail {
  readonly email: string;
  readonly requestId: string;
  readonly traceId: string;
}

/** The queues keep the names of the module that had them: jobs of the build before wait in them. */
export const startConfirmationJob: JobName<AddressedMail> = { name: "identity.start-confirmation" };

/** Mails the confirmation link again away from the request, so that the time does not tell a known address from an unknown one. */
export const startConfirmationWork = (dispatch: Dispatch): Job<AddressedMail> => ({
  ...startConfirmationJob,
  async handle({ email, requestId, traceId }) {
    await dispatch({
      operation: "identity.startConfirmation",
      input: { email },
      caller: system,
      origin: backgroundOrigin({ requestId, traceId }),
    });
  },
});

export const startPasswordResetJob: JobName<AddressedMail> = { name: "identity.start-password-reset" };

/** Mails the reset link away from the request, so that the time does not tell a known address from an unknown one. */
export const startPasswordResetWork = (dispatch: Dispatch): Job<AddressedMail> => ({
  ...startPasswordResetJob,
  async handle({ email, requestId, traceId }) {
    await dispatch({
      operation: "identity.startPasswordReset",
      input: { email },
      caller: system,
      origin: backgroundOrigin({ requestId, traceId }),
    });
  },
});

export const pruneTokensJob: JobName<object> = { name: "authentication.prune-tokens" };

export const pruneTokensWork = (dispatch: Dispatch): Job<object> =>
  untilNoneIsLeft(dispatch, { ...pruneTokensJob, operation: "authentication.pruneTokens", schedule: "41 * * * *" });
