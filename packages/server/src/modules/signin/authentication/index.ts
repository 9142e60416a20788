import type { ModuleManifest } from "#operation/declaration/module.ts";
import { createUser } from "./commands/create-user.ts";
import { forgotPassword } from "./commands/forgot-password.ts";
import { login } from "./commands/login.ts";
import { openSetUp } from "./commands/open-set-up.ts";
import { pruneTokens } from "./commands/prune-tokens.ts";
import { register } from "./commands/register.ts";
import { resendConfirmation } from "./commands/resend-confirmation.ts";
import { resendMail } from "./commands/resend-mail.ts";
import { resendMyMail } from "./commands/resend-my-mail.ts";
import { resetPassword } from "./commands/reset-password.ts";
import { restoreAdministrator } from "./commands/restore-administrator.ts";
import { setUp } from "./commands/set-up.ts";
import { startConfirmation } from "./commands/start-confirmation.ts";
import { startPasswordReset } from "./commands/start-password-reset.ts";
import { verifyEmail } from "./commands/verify-email.ts";
import { events } from "./events.ts";
import {
  pruneTokensJob,
  pruneTokensWork,
  startConfirmationJob,
  startConfirmationWork,
  startPasswordResetJob,
  startPasswordResetWork,
} from "./jobs.ts";
import { authentication } from "./module.ts";
import { steps } from "./schema-steps.ts";

export { authentication, createUser, openSetUp, restoreAdministrator };

export const manifest: ModuleManifest = {
  module: authentication,
  operations: [
    register,
    verifyEmail,
    resendConfirmation,
    startConfirmation,
    login,
    forgotPassword,
    startPasswordReset,
    resetPassword,
    resendMail,
    resendMyMail,
    openSetUp,
    setUp,
    createUser,
    restoreAdministrator,
    pruneTokens,
  ],
  events,
  steps,
  queues: [startPasswordResetJob, startConfirmationJob, pruneTokensJob],
  jobs: (_platform, dispatch) => [startPasswordResetWork(dispatch), startConfirmationWork(dispatch), pruneTokensWork(dispatch)],
};
