import { UserNotFound } from "#modules/foundation/identity/index.ts";
import { takeMail } from "#modules/foundation/notifications/index.ts";
import { internal } from "#operation/declaration/authorization.ts";
import { OperationError, TooManyRequests } from "#operation/declaration/errors.ts";
import { Nothing, Type, Uuid } from "#operation/declaration/schema.ts";
import { authentication } from "../module.ts";
import { resend } from "../resend.ts";

/** Sends a mail to a user again. For an administrator, after the address was undeliverable. */
export const resendMail = authentication.command("resendMail", {
  http: "POST /api/v1/users/:userId/resend-mail",
  summary: "Send a mail to a user again: the confirmation link, or a test mail for a confirmed address.",
  allow: internal("User.SetStatus"),
  audit: { action: "User.MailResent", category: "Security", severity: "Info", entity: "User" },
  input: Type.Object({ userId: Uuid }),
  output: Nothing,
  status: 202,
  errors: [UserNotFound],
  async prepare({ reading, services, fail }, { userId }) {
    const { email } = (await reading((_store, uses) => uses.identity.userById(userId))) ?? fail(UserNotFound);
    const wait = await takeMail(services, "address-check", email);
    if (wait > 0) throw new OperationError(TooManyRequests, [], { retryAfterSeconds: wait });
  },
  async run(context, { userId }) {
    const locked = await context.uses.identity.lockUsers([userId]);
    await resend(context, locked.get(userId) ?? context.fail(UserNotFound));
    return null;
  },
});
