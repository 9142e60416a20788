import { operatorOnly } from "#operation/declaration/authorization.ts";
import { Type } from "#operation/declaration/schema.ts";
import { SessionExpired } from "../events.ts";
import { sessions } from "../module.ts";

/** Limits the transaction, which delays the log's horizon. The job calls again while there are more. */
const batchSize = 1_000;

/** Deletes the rows of expired sessions, which are already refused. */
export const deleteExpiredSessions = sessions.command("deleteExpiredSessions", {
  summary: "Delete expired sessions.",
  allow: operatorOnly(),
  audit: { action: "Session.ExpiredDeleted", category: "System", severity: "Info" },
  everyTenant: "the schedule serves every organization",
  input: Type.Object({}),
  output: Type.Object({ removed: Type.Integer(), more: Type.Boolean() }),
  async run({ store, now, services, emit }) {
    const expired = await store.deleteExpired(now, new Date(now.getTime() - services.settings.sessionIdleSeconds * 1_000), batchSize);
    for (const { id, user_id, organization_id, expires_at } of expired) {
      const reason = expires_at <= now ? "too_old" : "not_used";
      emit(SessionExpired, { sessionId: id, userId: user_id, organizationId: organization_id, reason });
    }
    return { removed: expired.length, more: expired.length === batchSize };
  },
});
