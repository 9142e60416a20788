import type { Context } from "../../operation/module.ts";
import { sendMail, sendMailJob } from "./jobs.ts";
import { notifications } from "./module.ts";

export { notifications };

export const context: Context = {
  module: notifications,
  operations: [],
  events: [],
  steps: [],
  queues: [sendMailJob],
  jobs: (platform) => [sendMail(platform)],
};
