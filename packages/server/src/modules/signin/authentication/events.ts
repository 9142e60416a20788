import { defineEvent } from "#operation/declaration/event.ts";
import { Type, Uuid } from "#operation/declaration/schema.ts";

const user = ["user", "userId"] as const;

export const RegistrationRepeated = defineEvent({
  type: "user.registration_repeated.v1",
  says: "Somebody has registered an address that has a user already; nothing of the user was changed.",
  subject: user,
  data: Type.Object({ userId: Uuid }),
});

export const PasswordResetRequested = defineEvent({
  type: "user.password_reset_requested.v1",
  says: "A link to choose a new password was asked for.",
  subject: user,
  data: Type.Object({ userId: Uuid }),
});

export const events = [RegistrationRepeated, PasswordResetRequested];
