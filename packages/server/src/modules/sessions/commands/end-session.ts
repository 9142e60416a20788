import { signedIn } from "../../../operation/authorization.ts";
import { Nothing, Type, Uuid } from "../../../operation/schema.ts";
import { SessionNotFound } from "../errors.ts";
import { SessionEnded } from "../events.ts";
import { sessions } from "../module.ts";

/** Ends one of the own sessions, wherever it is (S3 §8.1). */
export const endSession = sessions.command("endSession", {
  http: "DELETE /api/v1/iam/auth/sessions/:sessionId",
  summary: "End one of the own sessions.",
  allow: signedIn(),
  absent: SessionNotFound,
  input: Type.Object({ sessionId: Uuid }),
  output: Nothing,
  errors: [SessionNotFound],
  async run({ store, user, emit, fail, audit }, { sessionId }) {
    const row = (await store.end(user.userId, sessionId)) ?? fail(SessionNotFound);
    audit({ organizationId: row.organization_id, before: { userId: row.user_id }, after: null });
    emit(SessionEnded, { sessionId: row.id, userId: row.user_id, organizationId: row.organization_id, reason: "ended_by_user" });
    return null;
  },
});
