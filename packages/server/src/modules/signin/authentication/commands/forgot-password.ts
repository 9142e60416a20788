import { anyone } from "#operation/declaration/authorization.ts";
import { Email, Nothing, Type } from "#operation/declaration/schema.ts";
import { startPasswordResetJob } from "../jobs.ts";
import { authentication } from "../module.ts";

/**
 * Requests a link to reset the password. Only enqueues the address, whether or not it is known: answer and response time are the same
 * (docs/security/attacks.md, 28).
 */
export const forgotPassword = authentication.command("forgotPassword", {
  http: "POST /api/v1/iam/auth/forgot-password",
  summary: "Mail a link to reset the password, if the address has an account.",
  allow: anyone("a user who forgot the password cannot sign in"),
  audit: { action: "User.PasswordResetRequested", category: "Security", severity: "Info" },
  limit: { per: "address", points: 30, seconds: 600 },
  input: Type.Object({ email: Email }),
  output: Nothing,
  status: 202,
  async run({ enqueue, origin }, { email }) {
    await enqueue(startPasswordResetJob, { email, requestId: origin.requestId, traceId: origin.traceId });
    return null;
  },
});
