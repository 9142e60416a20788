import type { ModuleManifest } from "#operation/declaration/module.ts";
import { recordUndeliverable } from "./commands/record-undeliverable.ts";
import { updateMe } from "./commands/update-me.ts";
import { events } from "./events.ts";
import { userGauge } from "./gauges.ts";
import { identity } from "./module.ts";
import { getMe } from "./queries/get-me.ts";
import { getUser } from "./queries/get-user.ts";
import { listUsers } from "./queries/list-users.ts";
import { steps } from "./schema-steps.ts";

export { OwnStatus, UserNotFound } from "./errors.ts";
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
  newUser,
  type Profile,
  recordUndeliverableOperation,
  type SessionFacts,
  sameAddress,
  User,
  type UserStatus,
} from "./model.ts";

export { rejectInvalidNames } from "./person-name.ts";
export { identity };

export const manifest: ModuleManifest = {
  module: identity,
  operations: [getMe, updateMe, listUsers, getUser, recordUndeliverable],
  events,
  steps,
  gauges: [userGauge],
};
