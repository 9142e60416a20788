import type { InternalDispatch } from "#operation/kernel/internal-dispatch.ts";
import type { Job, JobName } from "#platform/jobs/jobs.ts";
import { AddressRefused } from "#platform/mail/mail.ts";
import { NonRetryableError } from "#platform/non-retryable-error.ts";
import type { Platform } from "#platform/platform.ts";
import { retrySchedules } from "#platform/resilience/policies.ts";
import { renderMail } from "./templates/render.ts";
import type { Template } from "./templates/templates.ts";

export interface SendMail {
  readonly template: Template;
  readonly locale: string;
  readonly sealed: string;
  readonly onUndeliverable?: string;
}

/** The encryption purpose of a queued mail's data, which contains tokens. */
export const mailDataPurpose = "mail data";

export const sendMailJob: JobName<SendMail> = { name: "notifications.send-mail", retry: retrySchedules.mail };

/**
 * Renders and sends one mail. The queue retries a failure. A failure after the server accepted the mail may send it twice, which is
 * better than a lost link. While the mail server is unavailable, retries go on for days.
 */
export const sendMail = ({ keys, mail, settings }: Platform, dispatch: InternalDispatch): Job<SendMail> => ({
  ...sendMailJob,
  async handle({ template, locale, sealed, onUndeliverable }) {
    const { to, data } = JSON.parse(keys.decrypt(sealed, mailDataPurpose));
    const rendered = renderMail(template, locale, { ...data, publicUrl: settings.publicUrl });
    await mail.send({ to, template, locale, ...rendered }).catch(async (error: unknown) => {
      if (!(error instanceof AddressRefused)) throw error;
      if (onUndeliverable !== undefined && error.isUndeliverable) {
        await dispatch.byName(onUndeliverable, { email: to });
      }
      throw new NonRetryableError(error.message, error);
    });
  },
});
