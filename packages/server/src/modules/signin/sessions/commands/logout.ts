import { signedIn } from "#operation/declaration/authorization.ts";
import { Nothing, Type } from "#operation/declaration/schema.ts";
import { currentSession } from "../current-session.ts";
import { SessionEnded } from "../events.ts";
import { sessions } from "../module.ts";

/** Ends the current session. */
export const logout = sessions.command("logout", {
  http: "POST /api/v1/iam/auth/logout",
  summary: "Sign out: end the current session.",
  allow: signedIn(),
  audit: { action: "User.Logout", category: "Security", severity: "Info", entity: "Session" },
  cookie: "ends",
  input: Type.Object({}),
  output: Nothing,
  async run({ store, user, emit, audit }) {
    const sessionId = currentSession(user);
    const row = await store.end(user.id, sessionId);
    audit({ entity: { type: "Session", id: sessionId }, organizationId: user.organizationId });
    if (row) emit(SessionEnded, { sessionId: row.id, userId: row.user_id, organizationId: row.organization_id, reason: "signed_out" });
    return null;
  },
});
