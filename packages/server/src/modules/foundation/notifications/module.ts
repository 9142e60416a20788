import { module } from "#operation/declaration/module.ts";
import { mailDataPurpose, sendMailJob } from "./jobs.ts";
import type { MailData, Template } from "./templates/templates.ts";

export interface MailRequest<Name extends Template> {
  readonly template: Name;
  readonly to: string;
  /** The recipient's locale, BCP 47; a language without templates gets English. */
  readonly locale: string;
  readonly data: MailData[Name];
  /** The operation to call with `{ email }` if the mail server permanently refuses the address. */
  readonly onUndeliverable?: string;
}

/** Mails to users. A mail is a job in the caller's transaction: it is sent if and only if the transaction commits. */
export const notifications = module("notifications", {
  store: { reads: () => ({}), writes: () => ({}) },
  // The data contains tokens, so the queue stores it encrypted.
  state: ({ keys }) => ({
    encrypt: (data: object): string => keys.encrypt(JSON.stringify(data), mailDataPurpose),
  }),
  writeApi: ({ state, enqueue }) => ({
    mail: <Name extends Template>({ template, to, locale, data, onUndeliverable }: MailRequest<Name>): Promise<void> =>
      enqueue(sendMailJob, {
        template,
        locale,
        sealed: state.encrypt({ to, data }),
        ...(onUndeliverable === undefined ? {} : { onUndeliverable }),
      }),
  }),
});
