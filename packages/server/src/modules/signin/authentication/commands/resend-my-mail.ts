import { UserNotFound } from "#modules/foundation/identity/index.ts";
import { takeMail } from "#modules/foundation/notifications/index.ts";
import { signedIn } from "#operation/declaration/authorization.ts";
import { OperationError, TooManyRequests } from "#operation/declaration/errors.ts";
import { Nothing, Type } from "#operation/declaration/schema.ts";
import { authentication } from "../module.ts";
import { resend } from "../resend.ts";

/** Sends a mail to the caller's own address again, after it was undeliverable. */
export const resendMyMail = authentication.command("resendMyMail", {
  http: "POST /api/v1/iam/users/me/resend-mail",
  summary: "Send a mail to the own address again, to check the delivery.",
  allow: signedIn(),
  audit: { action: "User.MailResent", category: "Business", severity: "Info", entity: "User" },
  input: Type.Object({}),
  output: Nothing,
  status: 202,
  errors: [UserNotFound],
  async prepare({ reading, services, user, fail, audit }) {
    const { email } = (await reading((_store, uses) => uses.identity.userById(user.id))) ?? fail(UserNotFound);
    audit({ entity: { type: "User", id: user.id } });
    const wait = await takeMail(services, "address-check", email);
    if (wait > 0) throw new OperationError(TooManyRequests, [], { retryAfterSeconds: wait });
  },
  async run(context) {
    const { id } = context.user;
    const locked = await context.uses.identity.lockUsers([id]);
    await resend(context, locked.get(id) ?? context.fail(UserNotFound));
    return null;
  },
});
