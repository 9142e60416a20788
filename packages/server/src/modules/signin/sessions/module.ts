import { v7 as uuid } from "uuid";
import { identity } from "#modules/foundation/identity/index.ts";
import { tenancy } from "#modules/organization/tenancy/index.ts";
import { module } from "#operation/declaration/module.ts";
import { hashSecret, newSecret } from "#platform/secrets.ts";
import { ended, SessionEnded, SessionStarted } from "./events.ts";
import { isOver, livePerson } from "./live-person.ts";
import { tokenPrefix } from "./model.ts";
import { SessionCache } from "./session-cache.ts";
import { sessionStore } from "./store.ts";

export interface NewSession {
  readonly userId: string;
  readonly organizationId: string | null;
  readonly userEpoch: number;
  /** How the user was proven (RFC 8176). */
  readonly methods: readonly string[];
  readonly ipAddress: string | null;
  readonly userAgent: string | null;
  readonly absoluteSeconds: number;
  /** Beside each other; the oldest of more are ended. */
  readonly sessionsMax: number;
}

/** Who is signed in, from where and until when. */
export const sessions = module("sessions", {
  store: sessionStore,
  state: (platform) => new SessionCache(platform),
  uses: { identity, tenancy },
  readApi: ({ store, uses, now }) => ({
    /** Whether a token is still one of a session, as {@link SessionCache} decides; for what hands a token out again. */
    async isLive(token: string, idleSeconds: number): Promise<boolean> {
      const row = await store.byTokenHash(hashSecret(token));
      if (row === undefined || isOver(row, now, idleSeconds)) return false;
      const { identity, tenancy } = uses;
      return (await livePerson(row, { ...identity, ...tenancy })) !== undefined;
    },
  }),
  writeApi: ({ store, emit, now }) => ({
    /** Begins a session; the token is given out once and kept as its hash. */
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
      for (const over of await store.endBeyond(row.user_id, session.sessionsMax)) emit(SessionEnded, ended(over, "too_many"));
      return { token, expiresAt: row.expires_at };
    },
    /** Ends a session of a user, who has signed in anew. */
    async end(userId: string, sessionId: string): Promise<void> {
      const row = await store.end(userId, sessionId);
      if (row !== undefined) emit(SessionEnded, ended(row, "signed_in_again"));
    },
  }),
});
