import { takeMail } from "#modules/foundation/notifications/index.ts";
import { signedIn } from "#operation/authorization.ts";
import { OperationError, TooManyRequests } from "#operation/errors.ts";
import { Nothing, Type } from "#operation/schema.ts";
import { UserNotFound } from "../errors.ts";
import { identity } from "../module.ts";
import { sendAgain } from "../send-again.ts";

/** Mails the own address again, for a user who sees that it was undeliverable. */
export const resendMyMail = identity.command("resendMyMail", {
  http: "POST /api/v1/iam/users/me/resend-mail",
  summary: "Mail the own address again, to see whether mails arrive.",
  allow: signedIn(),
  audit: { action: "User.MailResent", category: "Business", severity: "Info", entity: "User" },
  input: Type.Object({}),
  output: Nothing,
  status: 202,
  errors: [UserNotFound],
  async prepare({ reading, services, user, fail, audit }) {
    const { email } = (await reading((store) => store.byId(user.id))) ?? fail(UserNotFound);
    audit({ entity: { type: "User", id: user.id } });
    const wait = await takeMail(services, "address-check", email);
    if (wait > 0) throw new OperationError(TooManyRequests, [], { retryAfterSeconds: wait });
  },
  async run(context) {
    await sendAgain(context, (await context.store.lockById(context.user.id)) ?? context.fail(UserNotFound));
    return null;
  },
});
