import type { Dispatch } from "#operation/dispatch.ts";
import { system } from "#operation/principal.ts";
import { backgroundOrigin } from "#operation/scheduled.ts";
import type { Job, JobName } from "#platform/jobs/jobs.ts";

export interface AddressedMail {
  readonly email: string;
  readonly requestId: string;
  readonly traceId: string;
}

export const startConfirmationJob: JobName<AddressedMail> = { name: "identity.start-confirmation" };

/** The same for an address that is to be confirmed. */
export const startConfirmationWork = (dispatch: Dispatch): Job<AddressedMail> => ({
  ...startConfirmationJob,
  async handle({ email, requestId, traceId }) {
    await dispatch({
      operation: "identity.startConfirmation",
      input: { email },
      principal: system,
      origin: backgroundOrigin({ requestId, traceId }),
    });
  },
});

export const startPasswordResetJob: JobName<AddressedMail> = { name: "identity.start-password-reset" };

/** Does, away from the request, what would tell a known address from an unknown one by its time. */
export const startPasswordResetWork = (dispatch: Dispatch): Job<AddressedMail> => ({
  ...startPasswordResetJob,
  async handle({ email, requestId, traceId }) {
    await dispatch({
      operation: "identity.startPasswordReset",
      input: { email },
      principal: system,
      origin: backgroundOrigin({ requestId, traceId }),
    });
  },
});
