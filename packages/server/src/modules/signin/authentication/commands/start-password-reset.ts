import { takeMail } from "#modules/foundation/notifications/index.ts";
import { operatorOnly } from "#operation/declaration/authorization.ts";
import { Email, Nothing, Type } from "#operation/declaration/schema.ts";
import { mailResetLink } from "../mail-reset-link.ts";
import { authentication } from "../module.ts";

/**
 * Creates and mails the requested link; earlier links remain valid. An unconfirmed account gets none: a reset would confirm it for the
 * person who registered it.
 */
export const startPasswordReset = authentication.command("startPasswordReset", {
  summary: "Mail the link to reset a password, where the address has an active account.",
  allow: operatorOnly(),
  audit: { action: "User.PasswordResetStarted", category: "System", severity: "Info" },
  input: Type.Object({ email: Email }),
  output: Nothing,
  prepare: ({ services }, { email }) => takeMail(services, "reset-password", email),
  async run(context, { email }, wait) {
    if (wait > 0) return null;
    const user = await context.uses.identity.lockAddress(email);
    if (user?.status === "Active") await mailResetLink(context, user);
    return null;
  },
});
