import { signedIn } from "#operation/declaration/authorization.ts";
import { Type } from "#operation/declaration/schema.ts";
import { currentSession } from "../current-session.ts";
import { AuthenticationTooOld } from "../errors.ts";
import { ended, SessionEnded } from "../events.ts";
import { sessions } from "../module.ts";
import { signedInRecently } from "../recent-sign-in.ts";
import { endBatchSize } from "../store.ts";

/** Ends all sessions of the caller except the current one. Requires a recent sign-in (ASVS 7.5.2). */
export const endOtherSessions = sessions.command("endOtherSessions", {
  http: "DELETE /api/v1/iam/auth/sessions",
  summary: "End all own sessions except the current one; needs a recent sign-in.",
  allow: signedIn(),
  audit: { action: "Session.OthersEnded", category: "Security", severity: "Info", entity: "User" },
  inBatches: "a user may have thousands of sessions",
  input: Type.Object({}),
  output: Type.Object({ ended: Type.Integer() }),
  errors: [AuthenticationTooOld],
  async run({ store, user, emit, fail, audit, more, now }, _input, _prepared, done) {
    if (done === undefined && !signedInRecently(user, now)) fail(AuthenticationTooOld);
    const rows = await store.endBatch({ userId: user.id, except: currentSession(user), until: now });
    for (const row of rows) emit(SessionEnded, ended(row, "ended_by_user"));
    const count = (done?.ended ?? 0) + rows.length;
    audit({ entity: { type: "User", id: user.id }, after: { ended: count } });
    if (rows.length === endBatchSize) more();
    return { ended: count };
  },
});
