import { takeMail } from "#modules/foundation/notifications/index.ts";
import { operatorOnly } from "#operation/authorization.ts";
import { Email, Nothing, Type } from "#operation/schema.ts";
import { mailResetLink } from "../mail-reset-link.ts";
import { identity } from "../module.ts";

/**
 * Makes and mails the link that was asked for; links that were mailed before go on working. An unconfirmed account gets none: its way in
 * is the confirmation, and a reset would confirm it for whoever registered it.
 */
export const startPasswordReset = identity.command("startPasswordReset", {
  summary: "Mail the link to reset a password, where the address has an active account.",
  allow: operatorOnly(),
  audit: { action: "User.PasswordResetStarted", category: "System", severity: "Info" },
  input: Type.Object({ email: Email }),
  output: Nothing,
  prepare: ({ services }, { email }) => takeMail(services, "reset-password", email),
  async run(context, { email }, wait) {
    if (wait > 0) return null;
    const row = await context.store.lockByEmail(email);
    if (row?.status === "Active") await mailResetLink(context, row);
    return null;
  },
});
