import { takeMail } from "#modules/foundation/notifications/index.ts";
import { operatorOnly } from "#operation/declaration/authorization.ts";
import { Email, Nothing, Type } from "#operation/declaration/schema.ts";
import { authentication } from "../module.ts";
import { resend } from "../resend.ts";

/** Sends a new confirmation link to a registered, unconfirmed address. */
export const startConfirmation = authentication.command("startConfirmation", {
  summary: "Mail the link to confirm an address again, where it is not confirmed.",
  allow: operatorOnly(),
  audit: { action: "User.ConfirmationStarted", category: "System", severity: "Info" },
  input: Type.Object({ email: Email }),
  output: Nothing,
  prepare: ({ services }, { email }) => takeMail(services, "registration", email),
  async run(context, { email }, wait) {
    if (wait > 0) return null;
    const user = await context.uses.identity.lockAddress(email);
    if (user?.status === "PendingConfirmation") await resend(context, user);
    return null;
  },
});
