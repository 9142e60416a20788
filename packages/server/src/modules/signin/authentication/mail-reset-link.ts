import { recordUndeliverableOperation, type User } from "#modules/foundation/identity/index.ts";
import type { CommandContextOf } from "#operation/declaration/contexts-of.ts";
import { hashSecret, newSecret } from "#platform/secrets.ts";
import { PasswordResetRequested } from "./events.ts";
import type { authentication } from "./module.ts";

/** Mails a link to reset the password; earlier links remain valid. Mails nothing where there are too many valid links. */
export async function mailResetLink(
  { store, uses, emit, now, services }: CommandContextOf<typeof authentication>,
  user: User,
): Promise<void> {
  const token = newSecret();
  const expiresAt = new Date(now.getTime() + services.settings.resetPasswordSeconds * 1_000);
  if (!(await store.addResetLink(user.id, { hash: hashSecret(token), expiresAt }, now))) return;
  await uses.notifications.mail({
    template: "reset-password",
    to: user.email,
    locale: user.locale,
    data: { firstName: user.firstName, token },
    onUndeliverable: recordUndeliverableOperation,
  });
  emit(PasswordResetRequested, { userId: user.id });
}
