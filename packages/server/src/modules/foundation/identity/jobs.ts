import type { InternalDispatch } from "#operation/internal-dispatch.ts";
import { backgroundOrigin } from "#operation/scheduled.ts";
import type { Job, JobName } from "#platform/jobs/jobs.ts";
import { startConfirmation } from "./commands/start-confirmation.ts";
import { startPasswordReset } from "./commands/start-password-reset.ts";

export interface AddressedMail {
  readonly email: string;
  readonly requestId: string;
  readonly traceId: string;
}

export const startConfirmationJob: JobName<AddressedMail> = { name: "identity.start-confirmation" };

/** The same for an address that is to be confirmed. */
export const startConfirmationWork = (dispatch: InternalDispatch): Job<AddressedMail> => ({
  ...startConfirmationJob,
  async handle({ email, requestId, traceId }) {
    await dispatch(startConfirmation, { email }, { origin: backgroundOrigin({ requestId, traceId }) });
  },
});

export const startPasswordResetJob: JobName<AddressedMail> = { name: "identity.start-password-reset" };

/** Does, away from the request, what would tell a known address from an unknown one by its time. */
export const startPasswordResetWork = (dispatch: InternalDispatch): Job<AddressedMail> => ({
  ...startPasswordResetJob,
  async handle({ email, requestId, traceId }) {
    await dispatch(startPasswordReset, { email }, { origin: backgroundOrigin({ requestId, traceId }) });
  },
});
