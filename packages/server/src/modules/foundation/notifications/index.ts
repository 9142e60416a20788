import type { ModuleManifest } from "#operation/declaration/module.ts";
import { mailDataPurpose, sendMail, sendMailJob } from "./jobs.ts";
import { notifications } from "./module.ts";

export { takeInvitations, takeMail } from "./allowance.ts";
export type { MailRequest } from "./module.ts";
export { notifications };

export const manifest: ModuleManifest = {
  module: notifications,
  operations: [],
  events: [],
  steps: [],
  queues: [sendMailJob],
  encrypted: [{ queue: sendMailJob.name, field: "sealed", purpose: mailDataPurpose }],
  jobs: (platform, dispatch) => [sendMail(platform, dispatch)],
};
