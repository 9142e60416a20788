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

/** What a mail's data is encrypted for while it waits in the queue: it holds tokens. */
export const mailDataPurpose = "mail data";

export const sendMailJob: JobName<SendMail> = { name: "notifications.send-mail", retry: retrySchedules.mail };

/**
 * Renders and hands over one mail. A failure before the hand-over is retried by the queue; one after it may send the
 * mail twice, which is better than a lost link. While the server is away the mail waits, for days where it must.
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
