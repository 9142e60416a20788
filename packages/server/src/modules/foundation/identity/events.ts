import { defineEvent } from "#operation/declaration/event.ts";
import { Email, Name, Type, Uuid } from "#operation/declaration/schema.ts";
import { UserStatus } from "./model.ts";

const user = ["user", "userId"] as const;

export const UserRegistered = defineEvent({
  type: "user.registered.v1",
  summary: "A user has registered and has not confirmed the address yet.",
  subject: user,
  data: Type.Object({ userId: Uuid, email: Email, firstName: Name, lastName: Name, locale: Type.String() }),
});

export const MailUndeliverable = defineEvent({
  type: "user.mail_undeliverable.v1",
  summary: "The mail server of the user's address permanently refused a mail.",
  subject: user,
  data: Type.Object({ userId: Uuid }),
});

export const MailRetried = defineEvent({
  type: "user.mail_retried.v1",
  summary: "A mail was sent to the user again after an earlier one could not be delivered or was not read.",
  subject: user,
  data: Type.Object({ userId: Uuid }),
});

export const EmailVerified = defineEvent({
  type: "user.email_verified.v1",
  summary: "The address was confirmed; the user is active.",
  subject: user,
  data: Type.Object({ userId: Uuid, email: Email }),
});

export const ProfileUpdated = defineEvent({
  type: "user.profile_updated.v1",
  summary: "Name or locale of the user changed.",
  subject: user,
  data: Type.Object({ userId: Uuid, firstName: Name, lastName: Name, locale: Type.String() }),
});

export const PasswordChanged = defineEvent({
  type: "user.password_changed.v1",
  summary: "The password was changed; every earlier session was ended.",
  subject: user,
  data: Type.Object({ userId: Uuid }),
});

export const UserStatusChanged = defineEvent({
  type: "user.status_changed.v1",
  summary: "An administrator suspended or reactivated the user.",
  subject: user,
  data: Type.Object({ userId: Uuid, status: UserStatus }),
});

export const events = [UserRegistered, EmailVerified, MailUndeliverable, MailRetried, ProfileUpdated, PasswordChanged, UserStatusChanged];
