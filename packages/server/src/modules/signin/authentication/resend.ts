import { recordUndeliverableOperation, type User } from "#modules/foundation/identity/index.ts";
import type { CommandContextOf } from "#operation/declaration/contexts-of.ts";
import { hashSecret, newSecret } from "#platform/secrets.ts";
import type { authentication } from "./module.ts";

/**
 * Sends a mail to a locked user again: the confirmation link for an unconfirmed address, else a test mail. Clears the undeliverable flag of
 * the address, which is set again where this mail is refused as well.
 */
export async function resend({ store, uses, now, services }: CommandContextOf<typeof authentication>, user: User): Promise<void> {
  const to = { to: user.email, locale: user.locale, onUndeliverable: recordUndeliverableOperation };
  const { firstName } = user;
  await uses.identity.retryMail(user);
  if (user.status === "PendingConfirmation") {
    const token = newSecret();
    const expiresAt = new Date(now.getTime() + services.settings.verifyEmailSeconds * 1_000);
    await store.renewConfirmation(user.id, { hash: hashSecret(token), expiresAt }, now);
    await uses.notifications.mail({ template: "verify-email", ...to, data: { firstName, token } });
  } else await uses.notifications.mail({ template: "address-check", ...to, data: { firstName } });
}
