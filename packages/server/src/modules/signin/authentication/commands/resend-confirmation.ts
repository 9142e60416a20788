import { anyone } from "#operation/declaration/authorization.ts";
import { Email, Nothing, Type } from "#operation/declaration/schema.ts";
import { startConfirmationJob } from "../jobs.ts";
import { authentication } from "../module.ts";

/** Requests a new confirmation link. Only enqueues the address, whether or not it is known (docs/security/attacks.md, 28). */
export const resendConfirmation = authentication.command("resendConfirmation", {
  http: "POST /api/v1/iam/auth/resend-confirmation",
  summary: "Mail the link to confirm an address again, if it was registered and is not confirmed.",
  allow: anyone("a user who has not confirmed the address cannot sign in"),
  audit: { action: "User.ConfirmationRequested", category: "Security", severity: "Info" },
  limit: { per: "address", points: 30, seconds: 600 },
  input: Type.Object({ email: Email }),
  output: Nothing,
  status: 202,
  async run({ enqueue, origin }, { email }) {
    await enqueue(startConfirmationJob, { email, requestId: origin.requestId, traceId: origin.traceId });
    return null;
  },
});
