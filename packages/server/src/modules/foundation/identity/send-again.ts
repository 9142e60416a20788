import type { CommandContextOf } from "#operation/contexts-of.ts";
import { hashSecret, newSecret } from "#platform/secrets.ts";
import { MailRetried } from "./events.ts";
import { recordUndeliverableOperation } from "./model.ts";
import type { identity } from "./module.ts";
import type { UserRow } from "./store.ts";

/**
 * Mails a user again: the link to confirm the address where it is not confirmed, else a mail that only shows whether mails arrive. The
 * mark that the address is undeliverable goes, and comes back where this mail is refused as well.
 */
export async function sendAgain({ store, uses, emit, now, services }: CommandContextOf<typeof identity>, user: UserRow): Promise<void> {
  const to = { to: user.email, locale: user.locale, onUndeliverable: recordUndeliverableOperation };
  const firstName = user.first_name;
  await store.markUndeliverable(user.email, null);
  if (user.status === "PendingConfirmation") {
    const token = newSecret();
    const expiresAt = new Date(now.getTime() + services.settings.verifyEmailSeconds * 1_000);
    await store.renewConfirmation(user, hashSecret(token), expiresAt, now);
    await uses.notifications.mail({ template: "verify-email", ...to, data: { firstName, token } });
  } else await uses.notifications.mail({ template: "address-check", ...to, data: { firstName } });
  emit(MailRetried, { userId: user.id });
}
