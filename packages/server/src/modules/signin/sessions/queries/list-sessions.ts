import { signedIn } from "#operation/declaration/authorization.ts";
import { sessionIdOf } from "#operation/declaration/principal.ts";
import { Page, Paging, Type } from "#operation/declaration/schema.ts";
import { Session } from "../model.ts";
import { sessions } from "../module.ts";

/** The caller's live sessions, newest first. */
export const listSessions = sessions.query("listSessions", {
  http: "GET /api/v1/iam/auth/sessions",
  summary: "List the own sessions.",
  allow: signedIn(),
  input: Type.Object({ ...Paging }),
  output: Page(Session),
  async run({ store, user, page, now, services }, input) {
    const request = page(input);
    const idleSince = new Date(now.getTime() - services.settings.sessionIdleSeconds * 1_000);
    const found = await store.live(user.id, now, idleSince, { after: request.after?.[0], limit: request.fetch });
    const { rows, nextCursor } = request.cut(found, (row) => [row.id]);
    const items = rows.map((row) => ({
      id: row.id,
      organizationId: row.organization_id,
      createdAt: row.created_at.toISOString(),
      lastActiveAt: row.last_active_at.toISOString(),
      expiresAt: row.expires_at.toISOString(),
      ipAddress: row.ip_address,
      userAgent: row.user_agent,
      current: row.id === sessionIdOf(user),
    }));
    return { items, nextCursor };
  },
});
