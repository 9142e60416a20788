import type { Emit } from "#operation/module.ts";
import type { Platform } from "#platform/platform.ts";
import { hashSecret, newSecret } from "#platform/secrets.ts";
import { PasswordResetRequested } from "./events.ts";
import { recordUndeliverableOperation } from "./model.ts";
import type { UserRow } from "./store.ts";

interface Writing {
  readonly store: { addResetLink(id: string, tokenHash: string, expiresAt: Date, now: Date): Promise<boolean> };
  readonly uses: {
    readonly notifications: {
      mail(request: {
        template: "reset-password";
        to: string;
        locale: string;
        data: { firstName: string; token: string };
        onUndeliverable: string;
      }): Promise<void>;
    };
  };
  readonly emit: Emit;
  readonly now: Date;
  readonly platform: Platform;
}

/** Mails a link to choose a new password, beside those that work already; where there are enough of them, none. */
export async function mailResetLink({ store, uses, emit, now, platform }: Writing, user: UserRow): Promise<void> {
  const token = newSecret();
  const expiresAt = new Date(now.getTime() + platform.settings.resetPasswordSeconds * 1_000);
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
