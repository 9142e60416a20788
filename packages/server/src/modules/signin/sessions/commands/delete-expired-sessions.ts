import { operatorOnly } from "#operation/declaration/authorization.ts";
import { Type } from "#operation/declaration/schema.ts";
import { SessionExpired } from "../events.ts";
import { sessions } from "../module.ts";

/** One transaction must not hold the log's horizon back for long; the job calls again while there are more. */
const atOnceMax = 1_000;

/** Deletes the rows of sessions whose time is over; they have been refused since. */
export const deleteExpiredSessions = sessions.command("deleteExpiredSessions", {
  summary: "Delete sessions that are over.",
  allow: operatorOnly(),
  audit: { action: "Session.OverRemoved", category: "System", severity: "Info" },
  everyTenant: "the schedule serves every organization",
  input: Type.Object({}),
  output: Type.Object({ removed: Type.Integer(), more: Type.Boolean() }),
  async run({ store, now, services, emit }) {
    const over = await store.deleteExpired(now, new Date(now.getTime() - services.settings.sessionIdleSeconds * 1_000), atOnceMax);
    for (const { id, user_id, organization_id, expires_at } of over) {
      const reason = expires_at <= now ? "too_old" : "not_used";
      emit(SessionExpired, { sessionId: id, userId: user_id, organizationId: organization_id, reason });
    }
    return { removed: over.length, more: over.length === atOnceMax };
  },
});
