import type { ModuleManifest } from "#operation/module.ts";
import { forgotPassword } from "./commands/forgot-password.ts";
import { recordUndeliverable } from "./commands/record-undeliverable.ts";
import { register } from "./commands/register.ts";
import { resendConfirmation } from "./commands/resend-confirmation.ts";
import { resendMail } from "./commands/resend-mail.ts";
import { resendMyMail } from "./commands/resend-my-mail.ts";
import { resetPassword } from "./commands/reset-password.ts";

import { startConfirmation } from "./commands/start-confirmation.ts";

import { startPasswordReset } from "./commands/start-password-reset.ts";
import { updateMe } from "./commands/update-me.ts";
import { verifyEmail } from "./commands/verify-email.ts";
import { events } from "./events.ts";
import { userGauge } from "./gauges.ts";
import { startConfirmationJob, startConfirmationWork, startPasswordResetJob, startPasswordResetWork } from "./jobs.ts";
import { identity } from "./module.ts";
import { getMe } from "./queries/get-me.ts";
import { getUser } from "./queries/get-user.ts";
import { listUsers } from "./queries/list-users.ts";
import { steps } from "./schema-steps.ts";

export { EmailTaken, OwnStatus, UserNotFound } from "./errors.ts";
export {
  EmailVerified,
  MailRetried,
  MailUndeliverable,
  PasswordChanged,
  ProfileUpdated,
  UserRegistered,
  UserStatusChanged,
} from "./events.ts";
export {
  canonicalLocale,
  Locale,
  NewPassword,
  recordUndeliverableOperation,
  type SessionFacts,
  type SignInFacts,
  sameAddress,
  User,
  type UserStatus,
} from "./model.ts";

export { hashChosenPassword } from "./passwords/choose.ts";
export { decoyHash, hashKindOf, verifyDecoys } from "./passwords/decoys.ts";
export { hashPassword, matchPassword, needsRehash } from "./passwords/hashing.ts";
export { refuseNoNames } from "./person-name.ts";
export { identity };

export const manifest: ModuleManifest = {
  module: identity,
  operations: [
    register,
    verifyEmail,
    forgotPassword,
    startPasswordReset,
    resetPassword,
    getMe,
    updateMe,
    listUsers,
    getUser,
    recordUndeliverable,
    resendMail,
    resendMyMail,
    resendConfirmation,
    startConfirmation,
  ],
  events,
  steps,
  gauges: [userGauge],
  queues: [startPasswordResetJob, startConfirmationJob],
  jobs: (_platform, dispatch) => [startPasswordResetWork(dispatch), startConfirmationWork(dispatch)],
};
