import type { MailRequest } from "#modules/foundation/notifications/index.ts";
import type { Emit } from "#operation/module.ts";
import type { Platform } from "#platform/platform.ts";
import { hashSecret, newSecret } from "#platform/secrets.ts";
import { MailRetried } from "./events.ts";
import { recordUndeliverableOperation } from "./model.ts";
import type { UserRow } from "./store.ts";

interface Writing {
  readonly store: {
    renewConfirmation(user: UserRow, tokenHash: string, expiresAt: Date, now: Date): Promise<void>;
    markUndeliverable(email: string, at: Date | null): Promise<UserRow | undefined>;
  };
  readonly uses: { readonly notifications: { mail(request: MailRequest<"verify-email" | "address-check">): Promise<void> } };
  readonly emit: Emit;
  readonly now: Date;
  readonly platform: Platform;
}

/**
 * Mails a user again: the link to confirm the address where it is not confirmed, else a mail that only shows whether mails arrive. The
 * mark that the address is undeliverable goes, and comes back where this mail is refused as well.
 */
export async function sendAgain({ store, uses, emit, now, platform }: Writing, user: UserRow): Promise<void> {
  const to = { to: user.email, locale: user.locale, onUndeliverable: recordUndeliverableOperation };
  const firstName = user.first_name;
  await store.markUndeliverable(user.email, null);
  if (user.status === "PendingConfirmation") {
    const token = newSecret();
    const expiresAt = new Date(now.getTime() + platform.settings.verifyEmailSeconds * 1_000);
    await store.renewConfirmation(user, hashSecret(token), expiresAt, now);
    await uses.notifications.mail({ template: "verify-email", ...to, data: { firstName, token } });
  } else await uses.notifications.mail({ template: "address-check", ...to, data: { firstName } });
  emit(MailRetried, { userId: user.id });
}
