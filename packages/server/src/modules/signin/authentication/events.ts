import { defineEvent } from "#operation/declaration/event.ts";
import { Type, Uuid } from "#operation/declaration/schema.ts";

const user = ["user", "userId"] as const;

export const RegistrationRepeated = defineEvent({
  type: "user.registration_repeated.v1",
  summary: "An address that already has a user was registered again; the user was not changed.",
  subject: user,
  data: Type.Object({ userId: Uuid }),
});

export const PasswordResetRequested = defineEvent({
  type: "user.password_reset_requested.v1",
  summary: "A link to reset the password was requested.",
  subject: user,
  data: Type.Object({ userId: Uuid }),
});

export const events = [RegistrationRepeated, PasswordResetRequested];
