import type { Context } from "../../operation/module.ts";
import { forgotPassword } from "./commands/forgot-password.ts";
import { register } from "./commands/register.ts";
import { resetPassword } from "./commands/reset-password.ts";
import { startPasswordReset } from "./commands/start-password-reset.ts";
import { updateMe } from "./commands/update-me.ts";
import { verifyEmail } from "./commands/verify-email.ts";
import { events } from "./events.ts";
import { userGauge } from "./gauges.ts";
import { startPasswordResetJob, startPasswordResetWork } from "./jobs.ts";
import { identity } from "./module.ts";
import { getMe } from "./queries/get-me.ts";
import { getUser } from "./queries/get-user.ts";
import { listUsers } from "./queries/list-users.ts";
import { steps } from "./schema-steps.ts";

export { EmailTaken, OwnStatus, UserNotFound } from "./errors.ts";
export { EmailVerified, PasswordChanged, ProfileUpdated, UserRegistered, UserStatusChanged } from "./events.ts";
export { canonicalLocale, Locale, NewPassword, type SessionFacts, sameAddress, User, type UserStatus } from "./model.ts";
export { hashChosenPassword } from "./passwords/choose.ts";
export { decoyHash, hashPassword, needsRehash, verifyPassword } from "./passwords/hashing.ts";
export { identity };

export const context: Context = {
  module: identity,
  operations: [register, verifyEmail, forgotPassword, startPasswordReset, resetPassword, getMe, updateMe, listUsers, getUser],
  events,
  steps,
  gauges: [userGauge],
  queues: [startPasswordResetJob],
  jobs: (_platform, dispatch) => [startPasswordResetWork(dispatch)],
};
