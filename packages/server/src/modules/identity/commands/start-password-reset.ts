import { operatorOnly } from "../../../operation/authorization.ts";
import { Email, Nothing, Type } from "../../../operation/schema.ts";
import { hashSecret, newSecret } from "../../../platform/secrets.ts";
import { PasswordResetRequested } from "../events.ts";
import { identity } from "../module.ts";

/**
 * Makes and mails the link that was asked for. An unconfirmed account gets none: its way in is the confirmation, and a
 * reset would confirm it for whoever registered it.
 */
export const startPasswordReset = identity.command("startPasswordReset", {
  summary: "Mail the link to reset a password, where the address has an active account.",
  allow: operatorOnly(),
  input: Type.Object({ email: Email }),
  output: Nothing,
  async run({ store, uses, emit, now, platform }, { email }) {
    const row = await store.lockByEmail(email);
    if (row?.status !== "Active") return null;
    const token = newSecret();
    await store.setResetToken(row.id, hashSecret(token), new Date(now.getTime() + platform.settings.resetPasswordSeconds * 1_000));
    await uses.notifications.mail({
      template: "reset-password",
      to: row.email,
      locale: row.locale,
      data: { firstName: row.first_name, token },
    });
    emit(PasswordResetRequested, { userId: row.id });
    return null;
  },
});
