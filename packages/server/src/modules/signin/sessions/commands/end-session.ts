import { signedIn } from "#operation/declaration/authorization.ts";
import { sessionIdOf } from "#operation/declaration/principal.ts";
import { Nothing, Type, Uuid } from "#operation/declaration/schema.ts";
import { AuthenticationTooOld, SessionNotFound } from "../errors.ts";
import { ended, SessionEnded } from "../events.ts";
import { sessions } from "../module.ts";
import { signedInRecently } from "../recent-sign-in.ts";

/** Ends one of the caller's sessions. Another than the current one requires a recent sign-in (ASVS 7.5.2). */
export const endSession = sessions.command("endSession", {
  http: "DELETE /api/v1/iam/auth/sessions/:sessionId",
  summary: "End one of the own sessions.",
  allow: signedIn(),
  audit: { action: "Session.Ended", category: "Security", severity: "Info", entity: "Session" },
  absent: SessionNotFound,
  input: Type.Object({ sessionId: Uuid }),
  output: Nothing,
  errors: [SessionNotFound, AuthenticationTooOld],
  async run({ store, user, emit, fail, audit, now }, { sessionId }) {
    if (sessionId.toLowerCase() !== sessionIdOf(user) && !signedInRecently(user, now)) fail(AuthenticationTooOld);
    const row = (await store.end(user.id, sessionId)) ?? fail(SessionNotFound);
    audit({ organizationId: row.organization_id, before: { userId: row.user_id }, after: null });
    emit(SessionEnded, ended(row, "ended_by_user"));
    return null;
  },
});
