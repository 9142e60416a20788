import type { Job, JobName } from "../../platform/jobs/jobs.ts";
import type { Platform } from "../../platform/platform.ts";
import { renderMail } from "./templates/render.ts";
import type { Template } from "./templates/templates.ts";

export interface SendMail {
  readonly template: Template;
  readonly locale: string;
  readonly sealed: string;
}

export const sendMailJob: JobName<SendMail> = { name: "notifications.send-mail" };

/**
 * Renders and hands over one mail. A failure before the hand-over is retried by the queue; one after it may send the
 * mail twice, which a reader survives and a lost link he does not.
 */
export const sendMail = ({ keys, mail, settings }: Platform): Job<SendMail> => ({
  ...sendMailJob,
  async handle({ template, locale, sealed }) {
    const { to, data } = JSON.parse(keys.open(sealed, "mail data"));
    await mail.send({ to, template, locale, ...renderMail(template, locale, { ...data, publicUrl: settings.publicUrl }) });
  },
});
