import { v7 as uuid } from "uuid";
import { identity } from "#modules/foundation/identity/index.ts";
import { tenancy } from "#modules/organization/tenancy/index.ts";
import { module } from "#operation/declaration/module.ts";
import { hashSecret, newSecret } from "#platform/secrets.ts";
import { activeUserOf, isExpired } from "./active-user.ts";
import { ended, SessionEnded, SessionStarted } from "./events.ts";
import { tokenPrefix } from "./model.ts";
import { SessionCache } from "./session-cache.ts";
import { sessionStore } from "./store.ts";

export interface NewSession {
  readonly userId: string;
  readonly organizationId: string | null;
  readonly userEpoch: number;
  /** The authentication methods (RFC 8176). */
  readonly methods: readonly string[];
  readonly ipAddress: string | null;
  readonly userAgent: string | null;
  readonly absoluteSeconds: number;
  /** The most sessions of the user; above it, the oldest are ended. */
  readonly sessionsMax: number;
}

/** The sessions of signed-in users. */
export const sessions = module("sessions", {
  store: sessionStore,
  state: (platform) => new SessionCache(platform),
  uses: { identity, tenancy },
  readApi: ({ store, uses, now }) => ({
    /** Whether a token is valid, as {@link SessionCache} decides. For callers that return a stored token again. */
    async isLive(token: string, idleSeconds: number): Promise<boolean> {
      const row = await store.byTokenHash(hashSecret(token));
      if (row === undefined || isExpired(row, now, idleSeconds)) return false;
      const { identity, tenancy } = uses;
      return (await activeUserOf(row, { ...identity, ...tenancy })) !== undefined;
    },
  }),
  writeApi: ({ store, emit, now }) => ({
    /** Starts a session. Returns the token, of which only the hash is stored. */
    async begin(session: NewSession): Promise<{ readonly token: string; readonly expiresAt: Date }> {
      const token = newSecret(tokenPrefix);
      const row = await store.insert({
        id: uuid(),
        user_id: session.userId,
        organization_id: session.organizationId,
        token: hashSecret(token),
        user_epoch: session.userEpoch,
        authentication_methods: session.methods,
        authenticated_at: now,
        ip_address: session.ipAddress,
        user_agent: session.userAgent,
        expires_at: new Date(now.getTime() + session.absoluteSeconds * 1_000),
        created_at: now,
        last_active_at: now,
      });
      emit(SessionStarted, { sessionId: row.id, userId: row.user_id, organizationId: row.organization_id });
      for (const oldest of await store.endOldest(row.user_id, session.sessionsMax)) emit(SessionEnded, ended(oldest, "too_many"));
      return { token, expiresAt: row.expires_at };
    },
    /** Ends a session of a user who has signed in again. */
    async end(userId: string, sessionId: string): Promise<void> {
      const row = await store.end(userId, sessionId);
      if (row !== undefined) emit(SessionEnded, ended(row, "signed_in_again"));
    },
  }),
});
