import { takeMail } from "#modules/foundation/notifications/index.ts";
import { operatorOnly } from "#operation/authorization.ts";
import { Email, Nothing, Type } from "#operation/schema.ts";
import { identity } from "../module.ts";
import { sendAgain } from "../send-again.ts";

/** Mails the link to confirm an address again, where it was registered and is not confirmed. */
export const startConfirmation = identity.command("startConfirmation", {
  summary: "Mail the link to confirm an address again, where it is not confirmed.",
  allow: operatorOnly(),
  audit: { action: "User.ConfirmationStarted", category: "System", severity: "Info" },
  input: Type.Object({ email: Email }),
  output: Nothing,
  prepare: ({ services }, { email }) => takeMail(services, "registration", email),
  async run(context, { email }, wait) {
    if (wait > 0) return null;
    const row = await context.store.lockByEmail(email);
    if (row?.status === "PendingConfirmation") await sendAgain(context, row);
    return null;
  },
});
