import type { CommandContextOf } from "#operation/contexts-of.ts";
import { hashSecret, newSecret } from "#platform/secrets.ts";
import { PasswordResetRequested } from "./events.ts";
import { recordUndeliverableOperation } from "./model.ts";
import type { identity } from "./module.ts";
import type { UserRow } from "./store.ts";

/** Mails a link to choose a new password, beside those that work already; where there are enough of them, none. */
export async function mailResetLink({ store, uses, emit, now, services }: CommandContextOf<typeof identity>, user: UserRow): Promise<void> {
  const token = newSecret();
  const expiresAt = new Date(now.getTime() + services.settings.resetPasswordSeconds * 1_000);
  if (!(await store.addResetLink(user.id, hashSecret(token), expiresAt, now))) return;
  await uses.notifications.mail({
    template: "reset-password",
    to: user.email,
    locale: user.locale,
    data: { firstName: user.first_name, token },
    onUndeliverable: recordUndeliverableOperation,
  });
  emit(PasswordResetRequested, { userId: user.id });
}
